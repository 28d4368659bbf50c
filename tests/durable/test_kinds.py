"""Each kind of change but NewFile: what is safe, what a failure leaves, and what is done again."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Sequence

from twisted.trial.unittest import SynchronousTestCase

from mailhost.durable.batch import Batch
from mailhost.durable.system import OperatingSystem
from mailhost.interfaces.changes import (
    CANNOT_LINK,
    Change,
    LinkedFile,
    MadeFolder,
    NewFile,
    RemovedFile,
    RenamedFile,
    begun,
)
from mailhost.message.content import Content
from tests.durable.fake_disk import Crash, FakeDisk

ANN = "/mail/a/ann"
NEW, CUR, JUNK, TRASH = f"{ANN}/new", f"{ANN}/cur", f"{ANN}/.Junk/new", f"{ANN}/.Trash"

CHANGES: tuple[Change, ...] = (
    RemovedFile(f"{NEW}/gone"),  # its folder loses a name before the next change's does
    RenamedFile(f"{NEW}/seen", f"{CUR}/seen:2,S"),
    RenamedFile(f"{CUR}/flag:2,", f"{CUR}/flag:2,F"),
    LinkedFile(f"{CUR}/copied:2,S", f"{JUNK}/copy"),
    MadeFolder(f"{TRASH}/cur"),
)
BEFORE = (f"{NEW}/gone", f"{NEW}/seen", f"{CUR}/flag:2,", f"{CUR}/copied:2,S")
AFTER = {
    f"{CUR}/seen:2,S": b"seen",
    f"{CUR}/flag:2,F": b"flag",
    f"{CUR}/copied:2,S": b"copied",
    f"{JUNK}/copy": b"copied",
}


def disk_before(shares_syncs: bool = False) -> FakeDisk:
    """A disk with the files of BEFORE, their names durable but not their bytes."""
    disk = FakeDisk(NEW, CUR, shares_syncs=shares_syncs)
    for path in BEFORE:
        fd = disk.create(path)
        disk.write(fd, [os.path.basename(path).partition(":")[0].encode()])
        disk.close(fd)
    for folder in (NEW, CUR):
        disk.sync_folder(folder)
    disk.calls.clear()
    return disk


def run(disk: OperatingSystem, changes: Sequence[Change] = CHANGES) -> list[OSError | None]:
    """Run one batch of a process that has just begun."""
    return Batch(disk, changes, set()).run()


def every_call() -> Iterator[int]:
    """The numbers of all the calls that a good run makes."""
    disk = disk_before()
    run(disk)
    yield from range(len(disk.calls))


class GoodTests(SynchronousTestCase):
    def test_everything_is_on_the_disk(self) -> None:
        for shares in (False, True):
            disk = disk_before(shares)
            self.assertEqual(run(disk), [None] * len(CHANGES))
            self.assertEqual(disk.after_crash(), AFTER)
            self.assertEqual(disk.files(), AFTER)
            self.assertIn(f"{TRASH}/cur", disk.safe_names)
            self.assertIn(TRASH, disk.safe_names)
            self.assertEqual(disk.open, {})

    def test_bytes_then_names_then_the_folder_that_gains_then_the_one_that_loses(self) -> None:
        disk = disk_before()
        run(disk, [RenamedFile(f"{NEW}/seen", f"{CUR}/seen:2,S")])
        calls = [call for call in disk.calls if not call.endswith((ANN, "/mail", "/mail/a", " /"))]
        kinds = [call.split()[0] for call in calls]
        self.assertEqual(kinds, ["open_file", "sync", "close", "rename", *["sync_folder"] * 2])
        self.assertEqual(calls[-2:], [f"sync_folder {CUR}", f"sync_folder {NEW}"])

    def test_flags_cost_one_sync_of_the_folder(self) -> None:
        disk = disk_before()
        run(disk, [RenamedFile(f"{CUR}/flag:2,", f"{CUR}/flag:2,F")])
        self.assertEqual(
            [call for call in disk.calls if call.endswith(CUR)], [f"sync_folder {CUR}"]
        )

    def test_a_folder_that_is_there(self) -> None:
        disk = disk_before()
        self.assertEqual(run(disk, [MadeFolder(CUR)]), [None])
        self.assertFalse([call for call in disk.calls if call.startswith("make_folder")])


class FailureTests(SynchronousTestCase):
    def check(self, disk: FakeDisk, results: Sequence[OSError | None]) -> None:
        """A change that is called safe is safe, one that failed has left nothing."""
        removed, renamed, flagged, linked, made = (result is None for result in results)
        safe, there = disk.after_crash(), disk.files()
        self.assertFalse(removed and f"{NEW}/gone" in safe)
        for good, old, new in (
            (renamed, f"{NEW}/seen", f"{CUR}/seen:2,S"),
            (flagged, f"{CUR}/flag:2,", f"{CUR}/flag:2,F"),
        ):
            text = os.path.basename(old).partition(":")[0].encode()
            if good:
                self.assertEqual((safe.get(new), safe.get(old)), (text, None))
            else:
                self.assertEqual((there.get(new), there.get(old)), (None, text))
        self.assertEqual(there[f"{CUR}/copied:2,S"], b"copied")
        if linked:
            self.assertEqual(safe[f"{JUNK}/copy"], b"copied")
        else:
            self.assertNotIn(f"{JUNK}/copy", there)
        self.assertEqual(f"{TRASH}/cur" in (disk.safe_names if made else disk.names), made)
        self.assertEqual(disk.open, {})

    def test_any_call_fails(self) -> None:
        for error in (OSError(errno.ENOSPC, "full"), ValueError("a bug")):
            for number in every_call():
                disk = disk_before()
                disk.fail_at, disk.error = number, error
                results = run(disk)
                call = disk.calls[number]
                with self.subTest(call=call, error=error):
                    self.assertTrue(any(results) or call.startswith(("open ", "open_folder")))
                    if call.split()[0] in ("open_file", "sync", "rename", "link", "make_folder"):
                        self.assertEqual(sum(result is not None for result in results), 1)
                    self.check(disk, results)

    def test_a_file_that_vanished_fails_alone(self) -> None:
        disk = disk_before()
        for path in (f"{NEW}/seen", f"{CUR}/copied:2,S"):
            disk.remove(path)
        results = run(disk)
        self.assertEqual([type(each) for each in results if each], [FileNotFoundError] * 2)
        self.assertEqual(disk.files(), {f"{CUR}/flag:2,F": b"flag"})

    def test_one_that_vanishes_after_it_was_opened(self) -> None:
        for change in (CHANGES[1], CHANGES[3]):
            disk = disk_before()
            sync = disk.sync

            def syncing(fd: int, disk: FakeDisk = disk, sync: Callable[[int], None] = sync) -> None:
                sync(fd)
                disk.names = {path: node for path, node in disk.names.items() if node is None}

            disk.sync = syncing  # type: ignore[method-assign]
            (result,) = run(disk, [change])
            self.assertIsInstance(result, FileNotFoundError)
            self.assertEqual(disk.files(), {})

    def test_a_name_of_another_file_is_left_to_it(self) -> None:
        disk = disk_before()
        (result,) = run(disk, [LinkedFile(f"{NEW}/seen", f"{NEW}/gone")])
        self.assertIsInstance(result, FileExistsError)
        self.assertEqual(disk.files()[f"{NEW}/gone"], b"gone")

    def test_a_disk_that_takes_no_links(self) -> None:
        for number in CANNOT_LINK:
            disk = disk_before()
            disk.error = OSError(number, "no links here")
            change = CHANGES[3]
            run(good := disk_before(), [change])
            disk.fail_at = next(n for n, call in enumerate(good.calls) if call.startswith("link"))
            (result,) = run(disk, [change])
            assert result is not None
            self.assertIn(result.errno, CANNOT_LINK)
            self.assertNotIn(f"{JUNK}/copy", disk.files())

    def test_a_file_in_the_place_of_a_folder(self) -> None:
        disk = disk_before()
        (result,) = run(disk, [MadeFolder(f"{NEW}/seen")])
        self.assertIsInstance(result, FileExistsError)
        self.assertEqual(disk.files()[f"{NEW}/seen"], b"seen")

    def test_a_folder_that_got_a_file_meanwhile_stays(self) -> None:
        file = NewFile(f"{TRASH}/tmp/x", f"{TRASH}/cur/x", (Content((b"x",)),))
        changes: list[Change] = [MadeFolder(f"{TRASH}/cur"), file]
        disk = disk_before()
        good = disk_before()
        run(good, changes)
        disk.fail_at = good.calls.index(f"sync_folder {TRASH}/cur")
        results = run(disk, changes)
        self.assertTrue(all(results))
        self.assertNotIn(f"{TRASH}/cur/x", disk.files())


class CrashTests(SynchronousTestCase):
    def test_no_message_is_lost_wherever_the_process_dies(self) -> None:
        for number in every_call():
            disk = disk_before()
            disk.crash_at = number
            self.assertRaises(Crash, run, disk)
            for left in (disk.after_crash(), disk.after_lucky_crash()):
                for old, new in (
                    (f"{NEW}/seen", f"{CUR}/seen:2,S"),
                    (f"{CUR}/flag:2,", f"{CUR}/flag:2,F"),
                ):
                    self.assertTrue(old in left or new in left, disk.calls[-1:])
                    text = os.path.basename(old).partition(":")[0].encode()
                    self.assertIn(left.get(new), (None, text))
                self.assertIn(left.get(f"{JUNK}/copy"), (None, b"copied"))
                self.assertIn(f"{CUR}/copied:2,S", left)

    def test_what_a_process_that_died_had_begun_is_ended(self) -> None:
        for number in every_call():
            disk = disk_before()
            disk.crash_at = number
            self.assertRaises(Crash, run, disk)
            disk.crash_at = -1
            disk.open.clear()
            self.assertEqual(run(disk, [begun(change) for change in CHANGES]), [None] * 5)
            self.assertEqual(disk.after_crash(), AFTER)

    def test_what_it_had_ended_is_good(self) -> None:
        disk = disk_before()
        run(disk)
        self.assertEqual(run(disk, [begun(change) for change in CHANGES]), [None] * 5)
        self.assertEqual(disk.after_crash(), AFTER)

    def test_a_link_whose_source_went_since_then(self) -> None:
        disk = disk_before()
        run(disk, [CHANGES[3]])
        disk.remove(f"{CUR}/copied:2,S")
        self.assertEqual(run(disk, [begun(CHANGES[3])]), [None])
        self.assertEqual(disk.after_crash()[f"{JUNK}/copy"], b"copied")

    def test_what_it_cannot_have_begun_fails(self) -> None:
        disk = disk_before()
        missing: list[Change] = [
            RenamedFile(f"{NEW}/x", f"{CUR}/x"),
            LinkedFile(f"{NEW}/x", f"{CUR}/x"),
        ]
        results = run(disk, [begun(change) for change in missing])
        self.assertEqual([type(each) for each in results], [FileNotFoundError] * 2)

    def test_a_name_that_another_file_has_is_not_taken_for_the_link(self) -> None:
        disk = disk_before()
        (result,) = run(disk, [begun(LinkedFile(f"{NEW}/seen", f"{NEW}/gone"))])
        self.assertIsInstance(result, FileExistsError)
        self.assertEqual(disk.files()[f"{NEW}/gone"], b"gone")


class RealTests(SynchronousTestCase):
    def test_the_real_calls(self) -> None:
        folder = os.path.abspath(self.mktemp())
        real = OperatingSystem()
        one = NewFile(f"{folder}/tmp/1", f"{folder}/new/1", (Content((b"x",)),))
        self.assertEqual(run(real, [one]), [None])
        link = LinkedFile(one.final, f"{folder}/.Junk/new/2")
        self.assertEqual(run(real, [link, MadeFolder(f"{folder}/.Trash")]), [None, None])
        self.assertTrue(os.path.samefile(one.final, link.final))
        self.assertEqual(os.stat(f"{folder}/.Trash").st_mode & 0o777, 0o700)
        self.assertEqual(run(real, [begun(link)]), [None])
        (taken,) = run(real, [link])
        self.assertIsInstance(taken, FileExistsError)
        moved = RenamedFile(one.final, f"{folder}/cur/1:2,S")
        self.assertEqual(run(real, [moved]), [None])
        self.assertEqual(run(real, [begun(moved)]), [None])
        (gone,) = run(real, [moved])
        self.assertIsInstance(gone, FileNotFoundError)
        self.assertTrue(os.path.samefile(moved.new, link.final))

    def test_a_folder_that_cannot_be_made_durable_is_removed(self) -> None:
        class Broken(OperatingSystem):
            def sync_folder(self, path: str) -> None:
                raise OSError(errno.EIO, "broken", path)

        folder = os.path.abspath(self.mktemp())
        (error,) = run(Broken(), [MadeFolder(folder)])
        self.assertIsInstance(error, OSError)
        self.assertFalse(os.path.exists(folder))

    def test_files_that_are_not_there_are_not_the_same(self) -> None:
        self.assertFalse(OperatingSystem().same_file("/no", "/no"))


class ManyNames(SynchronousTestCase):
    """Many files that are there get other names, or further ones: nobody opens them."""

    MOVED = tuple(f"moved{number}" for number in range(4))
    MOVES: tuple[RenamedFile, ...] = tuple(
        RenamedFile(f"{NEW}/{name}", f"{CUR}/{name}:2,S") for name in MOVED
    )
    LINKS = tuple(LinkedFile(f"{NEW}/linked", f"{JUNK}/link{number}") for number in range(2))

    def disk(self) -> FakeDisk:
        """A disk with files whose octets no one has synced."""
        disk = FakeDisk(NEW, CUR, JUNK, shares_syncs=True)
        for name in (*self.MOVED, "linked"):
            fd = disk.create(f"{NEW}/{name}")
            disk.write(fd, [b"whole"])
            disk.close(fd)
        disk.sync_folder(NEW)
        disk.calls.clear()
        return disk

    def run_all(self, disk: FakeDisk) -> list[OSError | None]:
        """Make all changes of a process that has just begun."""
        return run(disk, [*self.MOVES, *self.LINKS])

    def test_one_sync_makes_octets_and_names_durable(self) -> None:
        disk = self.disk()
        self.assertEqual(self.run_all(disk), [None] * 6)
        kinds = [call.split()[0] for call in disk.calls]
        self.assertNotIn("open_file", kinds)
        self.assertEqual(kinds.count("sync"), 1)
        self.assertEqual([call for call in disk.calls if f"sync_folder {CUR}" in call], [])
        names = [*(move.new for move in self.MOVES), *(link.final for link in self.LINKS)]
        self.assertEqual(disk.after_crash(), dict.fromkeys([*names, f"{NEW}/linked"], b"whole"))
        self.assertEqual(disk.open, {})

    def test_any_call_fails(self) -> None:
        good = self.disk()
        self.run_all(good)
        for number in range(len(good.calls)):
            disk = self.disk()
            disk.fail_at = number
            results = self.run_all(disk)
            safe, there = disk.after_crash(), disk.files()
            with self.subTest(call=disk.calls[number]):
                for change, result in zip(self.MOVES, results, strict=False):
                    there_now, gone = (
                        (change.old, change.new) if result else (change.new, change.old)
                    )
                    self.assertIn(there_now, there)
                    self.assertNotIn(gone, there)
                    self.assertTrue(result or safe.get(change.new) == b"whole")
                for link, result in zip(self.LINKS, results[4:], strict=True):
                    self.assertEqual(there.get(link.final), None if result else b"whole")
                self.assertEqual(disk.open, {})

    def test_no_message_is_lost_wherever_the_process_dies(self) -> None:
        good = self.disk()
        self.run_all(good)
        for number in range(len(good.calls)):
            disk = self.disk()
            disk.crash_at = number
            self.assertRaises(Crash, self.run_all, disk)
            for left in (disk.after_crash(), disk.after_lucky_crash()):
                for move in self.MOVES:
                    self.assertEqual((move.old in left) + (move.new in left), 1)
                self.assertIn(f"{NEW}/linked", left)

    def test_what_may_have_been_done_is_looked_at_first(self) -> None:
        disk = self.disk()
        self.run_all(disk)
        changes: tuple[Change, ...] = (*self.MOVES, *self.LINKS)
        results = run(disk, [begun(change) for change in changes])
        self.assertEqual(results, [None] * 6)
