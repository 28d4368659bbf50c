"""Changes that are reported as safe are on the disk, whichever call fails or kills the process."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from mailhost.durable.batch import MOST_OPEN_FILES, Batch
from mailhost.durable.system import OperatingSystem
from mailhost.interfaces.changes import Change, NewFile, RemovedFile
from mailhost.message.content import Content
from tests.durable.fake_disk import Crash, FakeDisk

ANN, BOB, QUEUE = "/data/mail/a/ann", "/data/mail/a/bob", "/data/queue"


def new(folder: str, name: str, *pieces: bytes) -> NewFile:
    """A Maildir's new file."""
    contents = tuple(Content((piece,)) for piece in pieces or (name.encode(), b" whole"))
    return NewFile(f"{folder}/tmp/{name}", f"{folder}/new/{name}", contents)


CHANGES: tuple[Change, ...] = (
    new(ANN, "one"),
    new(BOB, "two"),
    new(BOB, "three"),
    NewFile(f"{QUEUE}/4.tmp", f"{QUEUE}/4.msg", (Content((b"four whole",)),)),
    RemovedFile(f"{QUEUE}/old.msg"),
)
FINAL = {
    f"{ANN}/new/one": b"one whole",
    f"{BOB}/new/two": b"two whole",
    f"{BOB}/new/three": b"three whole",
    f"{QUEUE}/4.msg": b"four whole",
}


def disk_with_old() -> FakeDisk:
    """A disk with a mailbox, a queue and an old entry in it."""
    disk = FakeDisk(f"{BOB}/tmp", f"{BOB}/new", QUEUE)
    disk.close(disk.create(f"{QUEUE}/old.msg"))
    disk.sync_folder(QUEUE)
    disk.calls.clear()
    return disk


def run(disk: FakeDisk, changes: Sequence[Change] = CHANGES) -> list[OSError | None]:
    """Run one batch of a process that has just begun."""
    return Batch(disk, changes, set()).run()


def every_call() -> Iterator[int]:
    """The numbers of all the calls that a good run makes."""
    disk = disk_with_old()
    run(disk)
    yield from range(len(disk.calls))


class GoodTests(SynchronousTestCase):
    def test_everything_is_on_the_disk(self) -> None:
        disk = disk_with_old()
        self.assertEqual(run(disk), [None] * 5)
        self.assertEqual(disk.after_crash(), FINAL)
        self.assertEqual(disk.files(), FINAL)
        self.assertEqual(disk.open, {})

    def test_each_file_and_each_folder_is_synced_once(self) -> None:
        disk = disk_with_old()
        run(disk)
        syncs = [call for call in disk.calls if call.startswith("sync")]
        self.assertEqual(len(syncs), len(set(syncs)))

    def test_all_are_written_before_any_is_synced_and_synced_before_any_is_named(self) -> None:
        disk = disk_with_old()
        run(disk)
        kinds = [call.split()[0] for call in disk.calls]
        last_write = len(kinds) - 1 - kinds[::-1].index("write")
        last_sync = len(kinds) - 1 - kinds[::-1].index("sync")
        self.assertLess(last_write, kinds.index("sync"))
        self.assertLess(last_sync, kinds.index("rename"))

    def test_more_than_may_be_open_at_a_time(self) -> None:
        class Counting(FakeDisk):
            most = 0

            def sync(self, fd: int) -> None:
                self.most = max(self.most, len(self.open))
                super().sync(fd)

        disk = Counting()
        many = [new(ANN, str(number)) for number in range(MOST_OPEN_FILES * 2 + 1)]
        self.assertEqual(run(disk, many), [None] * len(many))
        self.assertEqual(len(disk.after_crash()), len(many))
        self.assertEqual(disk.most, MOST_OPEN_FILES)

    def test_gone_already_is_removed(self) -> None:
        disk = disk_with_old()
        gone = [RemovedFile(f"{QUEUE}/never.msg"), RemovedFile("/no/such/folder/x")]
        self.assertEqual(run(disk, gone), [None, None])

    def test_nothing_to_do(self) -> None:
        self.assertEqual(run(FakeDisk(), ()), [])

    def test_a_state_is_replaced(self) -> None:
        disk = FakeDisk(QUEUE)
        for text in (b"first", b"second"):
            change = NewFile(f"{QUEUE}/1.tmp", f"{QUEUE}/1.state", (Content((text,)),))
            self.assertEqual(run(disk, [change]), [None])
        self.assertEqual(disk.after_crash(), {f"{QUEUE}/1.state": b"second"})


class FailureTests(SynchronousTestCase):
    def check(self, disk: FakeDisk, results: Sequence[OSError | None]) -> None:
        """Changes that are reported as safe are safe, and the others have left no files."""
        safe = disk.after_crash()
        for change, result in zip(CHANGES, results, strict=True):
            if isinstance(change, RemovedFile):
                self.assertEqual(change.path in safe, result is not None)
                continue
            assert isinstance(change, NewFile)
            if result is None:
                self.assertEqual(safe.get(change.final), FINAL[change.final], disk.calls)
            else:
                self.assertNotIn(change.final, disk.files())
                self.assertNotIn(change.temporary, disk.files())
        self.assertEqual(disk.open, {})

    def test_any_call_fails(self) -> None:
        for error in (
            OSError(errno.ENOSPC, "full"),
            OSError(errno.EIO, "broken"),
            ValueError("a bug"),
        ):
            for number in every_call():
                disk = disk_with_old()
                disk.fail_at, disk.error = number, error
                results = run(disk)
                with self.subTest(call=disk.calls[number], error=error):
                    self.check_number(disk.calls[number], results)
                    self.check(disk, results)

    def check_number(self, call: str, results: Sequence[OSError | None]) -> None:
        """How many one failure stops: one, or all that share a folder."""
        failed = sum(result is not None for result in results)
        kind = call.split()[0]
        if (
            kind in ("create", "write", "sync", "close", "rename", "remove")
            or kind == "make_folder"
        ):
            self.assertEqual(failed, 1, call)
        else:
            self.assertGreaterEqual(failed, 1, call)

    def test_what_replaced_an_older_file_stays(self) -> None:
        class Unsure(FakeDisk):
            def sync_folder(self, path: str) -> None:
                if any(name.startswith("rename") for name in self.calls):
                    raise OSError(errno.EIO, "broken")
                super().sync_folder(path)

        disk = Unsure(QUEUE)
        disk.close(disk.create(f"{QUEUE}/1.state"))
        change = NewFile(f"{QUEUE}/1.tmp", f"{QUEUE}/1.state", (Content((b"new",)),), replaces=True)
        (error,) = run(disk, [change])
        self.assertIsNotNone(error)
        self.assertEqual({f"{QUEUE}/1.state": b"new"}, disk.files())

    def test_a_failed_sync_is_not_tried_again(self) -> None:
        disk = disk_with_old()
        run(disk)
        number = next(n for n, call in enumerate(disk.calls) if call.startswith("sync "))
        disk = disk_with_old()
        disk.fail_at = number
        inodes = []
        create = disk.create

        def remembering(path: str) -> int:
            fd = create(path)
            inodes.append(disk.open[fd])
            return fd

        disk.create = remembering  # type: ignore[method-assign]
        self.assertEqual(sum(result is not None for result in run(disk)), 1)
        self.assertEqual([inode.syncs for inode in inodes], [1, 1, 1, 1])

    def test_a_bug_is_the_cause(self) -> None:
        disk = FakeDisk()
        odd = NewFile(f"{ANN}/tmp/x", f"{ANN}/new/x", (None,))  # type: ignore[arg-type]
        bad, good = run(disk, [odd, new(ANN, "one")])
        assert bad is not None
        self.assertIsInstance(bad.__cause__, AttributeError)
        self.assertIsNone(good)
        self.assertEqual(list(disk.files()), [f"{ANN}/new/one"])

    def test_a_temporary_name_that_is_taken_is_left_to_its_owner(self) -> None:
        disk = FakeDisk(f"{ANN}/tmp", f"{ANN}/new")
        disk.create(f"{ANN}/tmp/one")
        (error,) = run(disk, [new(ANN, "one")])
        self.assertIsInstance(error, FileExistsError)
        self.assertEqual(list(disk.files()), [f"{ANN}/tmp/one"])

    def test_a_folder_that_went_away_takes_its_new_files_along(self) -> None:
        class Vanishing(FakeDisk):
            def sync_folder(self, path: str) -> None:
                if path == f"{ANN}/new":
                    raise FileNotFoundError(errno.ENOENT, "gone", path)
                super().sync_folder(path)

        (error,) = run(Vanishing(), [new(ANN, "one")])
        self.assertIsInstance(error, FileNotFoundError)

    def test_what_may_not_be_read_above_is_not_ours(self) -> None:
        class Guarded(FakeDisk):
            def sync_folder(self, path: str) -> None:
                if path in ("/", "/data"):
                    raise PermissionError(errno.EACCES, "not yours", path)
                super().sync_folder(path)

        self.assertEqual(run(Guarded(QUEUE), CHANGES[3:4]), [None])


class FolderTests(SynchronousTestCase):
    def test_missing_folders_are_made_and_durable(self) -> None:
        disk = FakeDisk()
        self.assertEqual(run(disk, [new(ANN, "one")]), [None])
        self.assertEqual(disk.after_crash(), {f"{ANN}/new/one": b"one whole"})

    def test_a_folder_beside_them_is_made_for_no_sync_more(self) -> None:
        alone, together = FakeDisk(), FakeDisk()
        run(alone, [new(ANN, "one")])
        change = replace(new(ANN, "one"), beside=f"{ANN}/cur")
        self.assertEqual(run(together, [change]), [None])
        syncs = [[call.split()[0] for call in disk.calls] for disk in (alone, together)]
        self.assertEqual(*(each.count("sync") + each.count("sync_folder") for each in syncs))
        self.assertIn(f"make_folder {ANN}/cur", together.calls)
        together.calls.clear()
        run(together, [replace(new(ANN, "two"), beside=f"{ANN}/cur")])
        self.assertFalse([call for call in together.calls if "cur" in call])

    def test_folders_that_somebody_else_made_are_made_durable_too(self) -> None:
        disk = FakeDisk("/data/mail")
        for folder in ("/data/mail/a", ANN, f"{ANN}/tmp", f"{ANN}/new"):
            disk.make_folder(folder)
        self.assertEqual(run(disk, [new(ANN, "one")]), [None])
        self.assertEqual(disk.after_crash(), {f"{ANN}/new/one": b"one whole"})

    def test_folders_whose_sync_failed_are_not_believed_the_next_time(self) -> None:
        good = FakeDisk()
        run(good, [new(ANN, "one")])
        for number, call in enumerate(good.calls):
            if not call.startswith("sync_folder"):
                continue
            disk, durable_names = FakeDisk(), set[str]()
            disk.fail_at = number
            self.assertNotEqual(Batch(disk, [new(ANN, "one")], durable_names).run(), [None])
            self.assertEqual(Batch(disk, [new(ANN, "two")], durable_names).run(), [None])
            self.assertEqual(disk.after_crash(), {f"{ANN}/new/two": b"two whole"}, call)

    def test_what_is_known_to_be_durable_is_not_synced_again(self) -> None:
        disk, durable_names = FakeDisk(), set[str]()
        Batch(disk, [new(ANN, "one")], durable_names).run()
        disk.calls.clear()
        Batch(disk, [new(ANN, "two")], durable_names).run()
        folders = [call for call in disk.calls if call.startswith("sync_folder")]
        self.assertEqual(folders, [f"sync_folder {ANN}/new"])

    def test_a_folder_that_is_made_again_is_synced_again(self) -> None:
        disk, durable_names = FakeDisk(), set[str]()
        Batch(disk, [new(ANN, "one")], durable_names).run()
        for name in [name for name in disk.names if name.startswith(ANN)]:
            del disk.names[name]
        disk.sync_folder(os.path.dirname(ANN))
        self.assertEqual(Batch(disk, [new(ANN, "two")], durable_names).run(), [None])
        self.assertEqual(disk.after_crash(), {f"{ANN}/new/two": b"two whole"})


class CrashTests(SynchronousTestCase):
    def test_no_name_without_its_bytes_wherever_the_process_dies(self) -> None:
        for number in every_call():
            disk = disk_with_old()
            disk.crash_at = number
            self.assertRaises(Crash, run, disk)
            for left in (disk.after_crash(), disk.after_lucky_crash()):
                for final, whole in FINAL.items():
                    self.assertIn(left.get(final), (None, whole), disk.calls[-1:])


class RealTests(SynchronousTestCase):
    def test_the_real_calls(self) -> None:
        folder = os.path.abspath(self.mktemp())
        final = f"{folder}/mail/ann/new/one"
        change = NewFile(f"{folder}/mail/ann/tmp/one", final, (Content((b"x" * 100_000,)),))
        durable_names: set[str] = set()
        self.assertEqual(Batch(OperatingSystem(), [change], durable_names).run(), [None])
        with open(final, "rb") as file:
            self.assertEqual(file.read(), b"x" * 100_000)
        self.assertEqual(os.stat(final).st_mode & 0o777, 0o600)
        self.assertEqual(os.stat(f"{folder}/mail/ann").st_mode & 0o777, 0o700)
        self.assertEqual(
            Batch(OperatingSystem(), [RemovedFile(final)], durable_names).run(), [None]
        )
        self.assertFalse(os.path.exists(final))

    def test_partial_writes_go_on(self) -> None:
        read, write = os.pipe()
        os.set_blocking(write, True)
        self.patch(os, "write", lambda fd, data, write=os.write: write(fd, bytes(data[:3])))
        self.patch(os, "writev", lambda fd, chunks, write=os.write: write(fd, chunks[0][:2]))
        OperatingSystem().write(write, [b"0123", b"456", b"", b"789"])
        os.close(write)
        self.assertEqual(os.read(read, 100), b"0123456789")
        os.close(read)
