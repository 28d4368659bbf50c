"""WrittenFile: the octets that a caller has added to a file are synced together with the names."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailhost.durable.batch import Batch
from mailhost.durable.system import OperatingSystem
from mailhost.interfaces.changes import Change, NewFile, WrittenFile, begun
from mailhost.message.content import Content
from tests.durable.fake_disk import FakeDisk

ANN = "/mail/a/ann"
LIST = f"{ANN}/list"
FILE = NewFile(f"{ANN}/tmp/x", f"{ANN}/cur/x", (Content((b"octets",)),))


def disk_before() -> FakeDisk:
    """A disk with a list whose name is durable, but not its octets."""
    disk = FakeDisk(f"{ANN}/tmp", f"{ANN}/cur")
    fd = disk.create(LIST)
    disk.write(fd, [b"line"])
    disk.close(fd)
    disk.sync_folder(ANN)
    disk.calls.clear()
    return disk


class WrittenFileTests(SynchronousTestCase):
    def test_file_and_list_are_durable(self) -> None:
        orders: tuple[list[Change], ...] = (
            [FILE, WrittenFile(LIST)],
            [begun(WrittenFile(LIST)), FILE],
        )
        for changes in orders:
            disk = disk_before()
            self.assertEqual(Batch(disk, changes, set()).run(), [None, None])
            self.assertEqual(disk.after_crash(), {FILE.final: b"octets", LIST: b"line"})
            self.assertEqual(disk.open, {})
            self.assertEqual(disk.calls.count(f"sync_folder {ANN}/cur"), 1)

    def test_the_list_alone(self) -> None:
        disk = disk_before()
        self.assertEqual(Batch(disk, [WrittenFile(LIST)], set()).run(), [None])
        self.assertEqual(disk.after_crash(), {LIST: b"line"})

    def test_a_missing_list_is_an_error(self) -> None:
        disk = disk_before()
        disk.remove(LIST)
        made, listed = Batch(disk, [FILE, WrittenFile(LIST)], set()).run()
        self.assertIsNone(made)
        self.assertIsInstance(listed, FileNotFoundError)

    def test_any_call_fails(self) -> None:
        """Changes that are reported as safe are safe, and the list stays."""
        good = disk_before()
        Batch(good, [FILE, WrittenFile(LIST)], set()).run()
        for number in range(len(good.calls)):
            disk = disk_before()
            disk.fail_at = number
            made, listed = Batch(disk, [FILE, WrittenFile(LIST)], set()).run()
            safe = disk.after_crash()
            self.assertEqual(made is None, FILE.final in disk.files(), good.calls[number])
            if made is None:
                self.assertEqual(safe[FILE.final], b"octets")
            if listed is None:
                self.assertEqual(safe[LIST], b"line")
            self.assertIn(LIST, disk.files())
            self.assertEqual(disk.open, {})


class RealTests(SynchronousTestCase):
    def test_the_real_calls(self) -> None:
        root = Path(self.mktemp()).absolute()
        for name in ("tmp", "cur"):
            (root / name).mkdir(parents=True)
        listed = root / "list"
        listed.write_bytes(b"line")
        final = root / "cur" / "x"
        new = NewFile(str(root / "tmp" / "x"), str(final), (Content((b"a",)),), modified=1e9)
        changes: list[Change] = [new, WrittenFile(str(listed))]
        self.assertEqual(Batch(OperatingSystem(), changes, set()).run(), [None, None])
        self.assertEqual((final.read_bytes(), final.stat().st_mtime), (b"a", 1e9))

    def test_a_time_that_no_file_can_have_is_ignored(self) -> None:
        root = Path(self.mktemp()).absolute()
        new = NewFile(str(root / "t"), str(root / "f"), (Content((b"a",)),), modified=1e30)
        self.assertEqual(Batch(OperatingSystem(), [new], set()).run(), [None])
