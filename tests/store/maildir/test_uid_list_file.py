"""dovecot-uidlist on disks that work, that fail, and that lose what was not synced."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailhost.durable.system import OperatingSystem
from mailhost.store.maildir.dotlock import Dotlocks, LockTimeout
from mailhost.store.maildir.uid_list import LARGEST, Header, UidsExhausted
from mailhost.store.maildir.uid_list_file import (
    NoUidList,
    Part,
    Place,
    UidListFile,
    worth_rewriting,
)
from tests.store.maildir.faulty import FaultySystem, LosingSystem, PowerCut, each_fault

GUID = "0123456789abcdef0123456789abcdef"
HEAD = f"3 V1700000000 N1 G{GUID}\n"
HEADER = Header(1700000000, 1, GUID)


def opened(folder: str, system: OperatingSystem | None = None) -> UidListFile:
    system = system or OperatingSystem()
    return UidListFile(folder, system, Dotlocks(system))


def place_of(part: Part | None) -> Place:
    assert part is not None
    return part.place


class FileCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = self.mktemp()
        os.makedirs(self.folder)
        self.folder = os.path.realpath(self.folder)
        self.path = Path(self.folder, "dovecot-uidlist")
        self.file = opened(self.folder)

    def written(self, lines: str = "", head: str = HEAD) -> None:
        self.path.write_text(head + lines)


class ReadingTests(FileCase):
    def test_no_file_and_no_list(self) -> None:
        self.assertIsNone(self.file.read())
        self.path.write_bytes(b"")
        self.assertIsNone(self.file.read())

    def test_only_what_is_new_is_read(self) -> None:
        self.written("1 :a\n2 W5 :b\n")
        first = self.file.read()
        assert first is not None
        self.assertTrue(first.whole)
        with self.path.open("a") as file:
            file.write("4 :c\n5 W7 :d\n6 :ha")
        then = self.file.read(first.place)
        assert then is not None
        self.assertEqual((then.whole, then.ragged), (False, True))
        self.assertEqual(then.uid_list.uids, {"c": 4, "d": 5})
        self.assertEqual(then.uid_list.extensions, {5: "W7"})
        self.assertEqual((then.uid_list.next_uid, then.uid_list.lines), (6, 4))
        with self.path.open("a") as file:
            file.write("lf\n")
        last = self.file.read(then.place)
        assert last is not None
        self.assertEqual((last.uid_list.uids, last.ragged), ({"half": 6}, False))

    def test_nothing_new(self) -> None:
        self.written("1 :a\n")
        first = self.file.read()
        assert first is not None
        again = self.file.read(first.place)
        assert again is not None
        self.assertEqual((again.place, again.uid_list.uids), (first.place, {}))
        self.assertFalse(again.whole)

    def test_a_file_that_was_replaced_is_read_from_its_beginning(self) -> None:
        self.written("1 :a\n2 :b\n")
        first = self.file.read()
        assert first is not None
        self.path.rename(f"{self.path}.old")
        self.written("2 :b\n3 :c\n4 :d\n")
        then = self.file.read(first.place)
        assert then is not None
        self.assertTrue(then.whole)
        self.assertEqual(then.uid_list.uids, {"b": 2, "c": 3, "d": 4})

    def test_a_file_with_the_inode_of_the_one_before(self) -> None:
        self.written("1 :a\n2 :b\n")
        first = self.file.read()
        assert first is not None
        for lines in ("2 :b\n3 :c\n4 :d\n", "1 :a\n"):
            self.written(lines)  # the same inode
            then = self.file.read(first.place)
            assert then is not None
            self.assertTrue(then.whole, lines)

    def test_uids_of_the_rest_are_above_those_before(self) -> None:
        self.written("7 :a\n")
        first = self.file.read()
        with self.path.open("a") as file:
            file.write("7 :b\n8 :c\n")
        then = self.file.read(place_of(first))
        assert then is not None
        self.assertEqual(then.uid_list.uids, {"c": 8})
        self.assertTrue(then.uid_list.damaged)

    def test_what_another_program_wrote_is_synced_before_it_is_returned(self) -> None:
        system = FaultySystem()
        file = opened(self.folder, system)
        self.written("1 :a\n")
        first = file.read()
        self.assertEqual(system.calls, ["sync", "sync_folder"])
        file.read(place_of(first))
        self.assertEqual(len(system.calls), 2)
        with self.path.open("a") as output:
            output.write("2 :b\n")
        system.fail_at, system.error = 2, errno.EIO
        self.assertRaises(OSError, file.read, place_of(first))


class WritingTests(FileCase):
    def test_create(self) -> None:
        with self.file.lock() as lock:
            part = self.file.create(lock, HEADER, ["a", "b"])
        self.assertEqual(part.uid_list.uids, {"a": 1, "b": 2})
        self.assertEqual(self.path.read_text(), f"3 V1700000000 N3 G{GUID}\n1 :a\n2 :b\n")
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)
        self.assertEqual(os.listdir(self.folder), ["dovecot-uidlist"])

    def test_append(self) -> None:
        self.written("1 :a\n")
        first = self.file.read()
        with self.path.open("a") as file:
            file.write("2 :by another program\n")
        with self.file.lock() as lock:
            new = [("x", ""), ("y", "W5"), ("x", ""), ("a/b", ""), ("by another program", "")]
            part = self.file.append(lock, new, self.file.read(place_of(first)))
        self.assertEqual(part.uid_list.uids, {"by another program": 2, "x": 3, "y": 4})
        text = f"{HEAD}1 :a\n2 :by another program\n3 :x\n4 W5 :y\n"
        self.assertEqual(self.path.read_text(), text)
        again = self.file.read(part.place)
        assert again is not None
        self.assertEqual(again.place, part.place)
        self.assertEqual(again.uid_list.uids, {})

    def test_octets_that_are_no_utf8(self) -> None:
        self.written()
        with self.file.lock() as lock:
            self.file.append(lock, [("a\udcff", "")])
        self.assertTrue(self.path.read_bytes().endswith(b"1 :a\xff\n"))

    def test_a_file_that_came_back_gets_a_new_uid(self) -> None:
        self.written("1 Pold :a\n2 :b\n")
        with self.file.lock() as lock:
            self.assertEqual(self.file.append(lock, [("a", "")]).uid_list.uids, {"a": 1, "b": 2})
            part = self.file.append(lock, [("a", ""), ("b", "")], above=2)
        self.assertEqual((part.uid_list.uids, part.uid_list.extensions), ({"b": 2, "a": 3}, {}))
        self.assertEqual(self.file.read() and part.uid_list.next_uid, 4)

    def test_a_list_that_must_not_be_appended_to_is_written_anew(self) -> None:
        for text in (
            f"{HEAD}1 :a\n3 Px :b\n5 :ha",
            f"{HEAD}1 :a\nbroken\n3 Px :b\n",
            f"{HEAD}1 :b\n2 :a\n3 Px :b\n",
            "3 V1700000000 N1\n2 :a\n3 Px :b\n",
            "1 1700000000 4\n2 a\n3 b\n",
        ):
            self.path.write_text(text)
            with self.file.lock() as lock:
                part = self.file.append(lock, [("c", "")])
            self.assertEqual(part.uid_list.uids["c"], 4, text)
            found = self.file.read()
            assert found is not None
            self.assertEqual(set(found.uid_list.uids), {"a", "b", "c"})
            self.assertEqual(found.uid_list.uids["b"], 3)
            self.assertFalse(found.uid_list.damaged)
            self.assertTrue(self.path.read_text().endswith("\n4 :c\n"))

    def test_a_list_that_was_found_damaged_before_is_written_anew(self) -> None:
        """Not only by the one who reads the broken line and appends at once."""
        self.written("1 :a\nbroken\n3 :b\n")
        first = place_of(self.file.read())
        with self.file.lock() as lock:
            part = self.file.append(lock, [("c", "")], self.file.read(first))
        self.assertEqual((part.whole, part.uid_list.uids), (True, {"a": 1, "b": 3, "c": 4}))
        self.assertNotIn("broken", self.path.read_text())
        again = self.file.read(part.place)
        self.assertEqual(again and again.whole, False)

    def test_a_ragged_end_beyond_what_was_read(self) -> None:
        self.written("1 :a\n")
        first = self.file.read()
        with self.path.open("a") as file:
            file.write("2 :ha")
        with self.file.lock() as lock:
            part = self.file.append(lock, [("b", "")], self.file.read(place_of(first)))
        self.assertEqual((part.whole, part.uid_list.uids), (True, {"a": 1, "b": 2}))
        self.assertEqual(self.path.read_text().split("\n", 1)[1], "1 :a\n2 :b\n")

    def test_rewrite_leaves_out_dead_lines_and_no_uid_is_given_again(self) -> None:
        self.written("1 :a\n2 W5 :b\n3 Px :c\n", f"3 V1700000000 N1 G{GUID} Xkept\n")
        with self.file.lock() as lock:
            part = self.file.rewrite(lock, {"b"})
            self.assertEqual(self.path.read_text(), f"3 V1700000000 N4 G{GUID} Xkept\n2 W5 :b\n")
            part = self.file.append(lock, [("d", "")], self.file.read(part.place))
        self.assertEqual(part.uid_list.uids, {"d": 4})

    def test_a_quarter_is_worth_it(self) -> None:
        self.assertFalse(worth_rewriting(100, 24))
        self.assertTrue(worth_rewriting(100, 25))
        self.assertFalse(worth_rewriting(0, 0))

    def test_no_list(self) -> None:
        with self.file.lock() as lock:
            self.assertRaises(NoUidList, self.file.append, lock, [("a", "")])
            self.path.write_bytes(b"")
            self.assertRaises(NoUidList, self.file.rewrite, lock)

    def test_no_uid_is_left(self) -> None:
        self.written(f"{LARGEST} :a\n")
        with self.file.lock() as lock:
            self.assertRaises(UidsExhausted, self.file.append, lock, [("b", "")])
        self.assertEqual(self.path.read_text(), f"{HEAD}{LARGEST} :a\n")

    def test_without_the_lock_nothing_is_written(self) -> None:
        self.written("1 :a\n")
        with self.file.lock() as lock:
            os.unlink(f"{self.path}.lock")
            self.assertRaises(LockTimeout, self.file.append, lock, [("b", "")])
            self.assertRaises(LockTimeout, self.file.rewrite, lock, {"b"})
        self.assertEqual(self.path.read_text(), f"{HEAD}1 :a\n")


class FaultTests(FileCase):
    def test_a_disk_that_fails_leaves_the_list_as_it_was(self) -> None:
        def run(system: FaultySystem) -> None:
            self.written("1 :a\n2 :b\n")
            file = opened(self.folder, system)
            lock = self.file.lock()
            try:
                file.append(lock, [("c", "")])
            except OSError as error:
                self.assertEqual(error.errno, errno.ENOSPC)
                self.assertEqual(self.path.read_text(), f"{HEAD}1 :a\n2 :b\n")
            lock.release()

        # read: sync and sync_folder; open_to_append, write, sync
        self.assertEqual(each_fault(FaultySystem, run), 5)

    def test_a_rewrite_that_fails_leaves_the_old_file_or_the_new_one(self) -> None:
        def run(system: FaultySystem) -> None:
            self.written("1 :a\n2 :b\n")
            file = opened(self.folder, system)
            lock = self.file.lock()
            try:
                file.rewrite(lock, {"b", "c"})
            except OSError:
                found = self.file.read()
                assert found is not None
                self.assertIn(found.uid_list.uids, ({"a": 1, "b": 2}, {"b": 2}))
            lock.release()
            self.assertEqual(os.listdir(self.folder), ["dovecot-uidlist"])

        self.assertGreater(each_fault(FaultySystem, run), 6)

    def test_what_cannot_be_cut_off_again_is_half_a_line(self) -> None:
        system = FaultySystem()
        file = opened(self.folder, system)
        self.written("1 :a\n")
        with self.file.lock() as lock:
            system.truncate = _failing  # type: ignore[method-assign]
            system.fail_at = 3
            self.assertRaises(OSError, file.append, lock, [("a name that is long", "")])
        found = self.file.read()
        assert found is not None
        self.assertEqual((found.uid_list.uids, found.ragged), ({"a": 1}, True))

    def test_after_a_power_cut_every_uid_that_was_returned_has_its_message(self) -> None:
        """The power is cut at each call, during appends and rewrites."""
        for cut in range(200):
            self._emptied()
            system = LosingSystem(self.folder)
            file = opened(self.folder, system)
            told: dict[str, int] = {}
            system.cut_at = cut
            try:
                with file.lock() as lock:
                    told |= file.create(lock, HEADER, ["a"]).uid_list.uids
                    told |= file.append(lock, [("b", ""), ("c", "")]).uid_list.uids
                    told |= file.rewrite(lock, {"b", "c"}).uid_list.uids
                    told |= file.append(lock, [("d", "")]).uid_list.uids
                finished = True
            except PowerCut:
                finished = False
            system.cut_at = -1
            system.lose()
            self._check(told)
            if finished:
                return
        self.fail("more calls than that")

    def _check(self, told: dict[str, int]) -> None:
        found = self.file.read()
        if not told and found is None:
            return
        assert found is not None
        self.assertEqual({**told, **found.uid_list.uids}, {**found.uid_list.uids, **told})
        self.assertLessEqual(told.keys() - found.uid_list.uids.keys(), {"a"})
        self.assertGreater(found.uid_list.next_uid, max(told.values(), default=0))

    def _emptied(self) -> None:
        for name in os.listdir(self.folder):
            os.unlink(os.path.join(self.folder, name))


def _failing(fd: int, size: int) -> None:
    raise OSError(errno.EIO, "broken")
