"""UIDVALIDITY and GUID of new folders, and the mark of MODSEQs."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailhost.durable.system import OperatingSystem
from mailhost.store.maildir.modseq_mark import STEP, raise_mark, read_mark
from mailhost.store.maildir.uid_validity import new_guid, new_uid_validity
from mailhost.store.maildir.uid_validity import raise_mark as raise_validity
from tests.store.maildir.faulty import FaultySystem, LosingSystem, PowerCut, each_fault

NOW = 1_700_000_000.5


class MarkCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = self.mktemp()
        os.makedirs(self.folder)
        self.folder = os.path.realpath(self.folder)
        self.system = OperatingSystem()

    def names(self) -> set[str]:
        return set(os.listdir(self.folder))


class UidValidityTests(MarkCase):
    def taken(self, now: float = NOW) -> int:
        return new_uid_validity(self.system, self.folder, now)

    def test_the_clock(self) -> None:
        self.assertEqual(self.taken(), 1_700_000_000)
        self.assertEqual(Path(self.folder, "dovecot-uidvalidity").read_text(), "6553f100")
        self.assertEqual(self.names(), {"dovecot-uidvalidity", "dovecot-uidvalidity.6553f100"})

    def test_the_mark_is_raised_for_a_folder_of_another_host(self) -> None:
        raise_validity(self.system, self.folder, 1_900_000_000)
        raise_validity(self.system, self.folder, 1_800_000_000)
        self.assertEqual(self.taken(), 1_900_000_001)
        raise_validity(self.system, self.folder, 1_900_000_000)
        self.assertEqual(self.taken(), 1_900_000_002)

    def test_none_is_given_twice(self) -> None:
        """Neither in one second nor after the clock was set back."""
        given = [self.taken(), self.taken(), self.taken(NOW - 1e6), self.taken(NOW + 10)]
        self.assertEqual(given, [1_700_000_000 + after for after in (0, 1, 2, 10)])
        self.assertEqual(self.names(), {"dovecot-uidvalidity", "dovecot-uidvalidity.6553f10a"})

    def test_the_file_is_missing_or_broken(self) -> None:
        for text in (None, "", "x", "zzzzzzzz", "0000000"):
            self.taken(NOW + 100)
            path = Path(self.folder, "dovecot-uidvalidity")
            path.unlink() if text is None else path.write_text(text)
            before = max(int(name[-8:], 16) for name in self.names() if name != path.name)
            self.assertEqual(self.taken(), before + 1)

    def test_only_the_file_is_there(self) -> None:
        Path(self.folder, "dovecot-uidvalidity").write_text("70000000")
        self.assertEqual(self.taken(), 0x70000001)

    def test_several_marks(self) -> None:
        for mark in ("70000000", "70000005"):
            Path(self.folder, f"dovecot-uidvalidity.{mark}").touch()
        self.assertEqual(self.taken(), 0x70000006)
        self.assertEqual(self.names(), {"dovecot-uidvalidity", "dovecot-uidvalidity.70000006"})

    def test_another_program_takes_one_at_the_same_time(self) -> None:
        self.taken()
        system = FaultySystem()
        rename = OperatingSystem.rename

        def raced(old: str, new: str) -> None:
            self.patch(system, "rename", lambda old, new: rename(system, old, new))
            new_uid_validity(self.system, self.folder, NOW)
            rename(system, old, new)

        self.patch(system, "rename", raced)
        self.assertEqual(new_uid_validity(system, self.folder, NOW), 1_700_000_002)

    def test_a_disk_that_fails(self) -> None:
        given: set[int] = set()

        def run(system: FaultySystem) -> None:
            try:
                number = new_uid_validity(system, self.folder, NOW)
            except OSError:
                return
            self.assertNotIn(number, given)
            given.add(number)

        self.assertGreater(each_fault(FaultySystem, run), 4)

    def test_after_a_power_cut_none_is_given_again(self) -> None:
        given = [new_uid_validity(self.system, self.folder, NOW)]
        for cut in range(40):
            system = LosingSystem(self.folder)
            system.cut_at = len(system.calls) + cut
            try:
                given.append(new_uid_validity(system, self.folder, NOW))
                finished = True
            except PowerCut:
                finished = False
            system.cut_at = -1
            system.lose()
            given.append(new_uid_validity(self.system, self.folder, NOW))
            self.assertEqual(len(set(given)), len(given))
            if finished:
                return
        self.fail("more calls than that")

    def test_a_guid(self) -> None:
        self.assertRegex(new_guid(), r"\A[0-9a-f]{32}\Z")
        self.assertNotEqual(new_guid(), new_guid())


class ModseqMarkTests(MarkCase):
    def test_it_only_rises(self) -> None:
        self.assertEqual(read_mark(self.folder), 0)
        first = raise_mark(self.system, self.folder, 1000)
        self.assertEqual(first, 1000 + STEP)
        self.assertEqual(read_mark(self.folder), first)
        self.assertGreater(raise_mark(self.system, self.folder, 5), first)
        self.assertEqual(self.names(), {"mailhost-modseq"})

    def test_a_file_that_says_nothing(self) -> None:
        for text in ("", "x", "-5", "1_0", "9" * 30):
            Path(self.folder, "mailhost-modseq").write_text(text)
            self.assertEqual(read_mark(self.folder), 0)

    def test_a_mark_that_no_modseq_can_reach_is_damaged(self) -> None:
        raise_mark(self.system, self.folder, (1 << 63) - 5)
        self.assertEqual(read_mark(self.folder), 0)

    def test_a_disk_that_fails_leaves_the_old_mark_or_a_higher_one(self) -> None:
        def run(system: FaultySystem) -> None:
            before = read_mark(self.folder)
            try:
                raise_mark(system, self.folder, before + 1)
            except OSError:
                self.assertGreaterEqual(read_mark(self.folder), before)

        self.assertGreater(each_fault(FaultySystem, run), 4)
