"""Random work of two processes and of other programs on the folders of one account."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.durable.system import OperatingSystem
from mailhost.interfaces.folders import FlagChange, FolderView
from mailhost.message.flags import FlagAction, flag_names
from mailhost.store.folders.account_work import CACHE, AccountWork
from mailhost.store.folders.adding import add
from mailhost.store.folders.file_names import message_paths
from mailhost.store.folders.flag_changes import set_flags
from mailhost.store.folders.reading import vanished
from mailhost.store.folders.refresh import refreshed
from mailhost.store.folders.removal import expunge
from mailhost.store.folders.transfer import copy, move
from mailhost.store.folders.tree import make_maildir
from mailhost.store.maildir.keywords import KeywordsFile
from tests.store.folders.accounts import Now, OtherProgram, QuickSystem, disk_of, message

FOLDERS = ("", ".Other")
FLAGS = ("\\Seen", "\\Flagged", "\\Deleted", "$Work", "$Home", "Third")


@dataclass
class Told:
    """The knowledge of clients about one folder: flags and MODSEQs by UID as of `highest`."""

    contents: dict[int, bytes] = field(default_factory=dict)  # of all UIDs that ever were told
    flags: dict[int, set[str]] = field(default_factory=dict)
    uid_validity: int = 0
    uid_next: int = 1
    highest: int = 0


class Machine:
    """Does random things, and compares what is shown with what lies on the disk."""

    def __init__(self, case: SynchronousTestCase, root: str, seed: int) -> None:
        self.case = case
        self.root = root
        self.random = random.Random(seed)
        self.now = Now()
        self.works = [self._opened(), self._opened()]
        self.count = 0
        for path in FOLDERS:
            make_maildir(self.works[0], path)
        self.others = {path: OtherProgram(os.path.join(root, path)) for path in FOLDERS}
        self.told = {path: Told() for path in FOLDERS}

    def _opened(self) -> AccountWork:
        return AccountWork(self.root, disk_of(QuickSystem(), self.now))

    def close(self) -> None:
        for work in self.works:
            work.close()

    def step(self, number: int) -> None:
        """One step, then a look at every folder by each process."""
        self.now.ahead += 3
        self.STEPS[number % len(self.STEPS)](self)
        for path in FOLDERS:
            for index in range(len(self.works)):
                self.look(path, self.works[index])

    # --- steps -----------------------------------------------------------------------------------

    @property
    def work(self) -> AccountWork:
        return self.random.choice(self.works)

    @property
    def folder(self) -> str:
        return self.random.choice(FOLDERS)

    def some(self, folder: str) -> list[int]:
        """UIDs of a folder, some of which may be gone."""
        uids = sorted(self.told[folder].contents)
        return sorted(self.random.sample(uids, min(len(uids), self.random.randint(0, 4))))

    def text(self) -> bytes:
        self.count += 1
        return b"message %d" % self.count

    def chosen(self) -> list[str]:
        return self.random.sample(FLAGS, self.random.randint(0, 3))

    def add(self) -> None:
        folder, count = self.folder, self.random.randint(1, 3)
        texts = [self.text() for _ in range(count)]
        added = add(self.work, folder, [message(text, *self.chosen()) for text in texts])
        for uid, text in zip(added.uids, texts, strict=True):
            self.promised(folder, uid, b"Subject: x\r\n\r\n" + text + b"\r\n")

    def promised(self, folder: str, uid: int, octets: bytes) -> None:
        told = self.told[folder]
        self.case.assertNotIn(uid, told.contents)
        self.case.assertGreaterEqual(uid, told.uid_next)
        told.contents[uid] = octets

    def set_flags(self) -> None:
        folder, flags = self.folder, tuple(self.chosen())
        action = self.random.choice(list(FlagAction))
        uids = self.some(folder)
        before = dict(self.told[folder].flags)
        result = set_flags(self.work, folder, uids, FlagChange(action, flags), None)
        for uid in uids:
            if uid not in result.view.uids:
                self.case.assertIn(uid, result.expunged)
            elif uid not in result.expunged:
                after = shown_flags(result.view)[uid]
                self.case.assertEqual(after, changed(before[uid], action, set(flags)))

    def transfer(self) -> None:
        folder, target, moves = self.folder, self.folder, self.random.random() < 0.5
        uids = self.some(folder)
        result = (move if moves else copy)(self.work, folder, uids, target)
        for uid, new in zip(result.uids, result.copies, strict=True):
            self.promised(target, new, self.told[folder].contents[uid])

    def expunge(self) -> None:
        folder = self.folder
        uids = self.some(folder)
        view, _ = expunge(self.work, folder, uids, self.random.random() < 0.5)
        self.case.assertFalse(set(uids) & set(view.uids))

    def deliver(self) -> None:
        other = self.others[self.folder]
        place = self.random.choice(("new", "new", "cur"))
        text = self.text()
        end = (
            self.random.choice(("", ":2,", ":2,S", ":2,SZ", ":2,FSTb,x")) if place == "cur" else ""
        )
        size = self.random.choice((f",S={len(text)},W={len(text)}", ""))
        other.put(place, f"1700000000.M{self.count}P1.other{size}{end}", text)

    def rename(self) -> None:
        other = self.others[self.folder]
        for name in other.names()[:2]:
            base = name.partition(":")[0]
            other.rename(name, base + self.random.choice((":2,", ":2,S", ":2,FTa", ":2,QS", "")))

    def unlink(self) -> None:
        other = self.others[self.folder]
        names = other.names()
        if names:
            other.remove(self.random.choice(names))

    def back_to_new(self) -> None:
        """As after a power cut that took back a rename."""
        other = self.others[self.folder]
        for name in other.names()[:1]:
            base = name.partition(":")[0]
            os.rename(f"{other.path}/cur/{name}", f"{other.path}/new/{base}")
            other.touch("cur")
            other.touch("new")

    def lose_cache(self) -> None:
        for end in ("", "-wal", "-shm"):
            Path(self.root, CACHE + end).unlink(missing_ok=True)
        for work in self.works:
            work.check()

    def lose_list(self) -> None:
        for path in FOLDERS:
            self.look(path, self.works[0])
        Path(self.others[self.folder].path, "dovecot-uidlist").unlink(missing_ok=True)

    def set_back_clock(self) -> None:
        self.now.ahead -= 100_000

    def start_again(self) -> None:
        for work in self.works:
            work.close()
        self.works = [self._opened(), self._opened()]

    STEPS: ClassVar = [
        add, add, set_flags, set_flags, transfer, transfer, expunge, deliver, deliver, rename,
        unlink, back_to_new, lose_cache, lose_list, set_back_clock, start_again,
    ]  # fmt: skip

    # --- what must be so --------------------------------------------------------------------------

    def on_disk(self, folder: str) -> list[tuple[bytes, list[str]]]:
        """All messages with their flags."""
        other = self.others[folder]
        known = KeywordsFile(other.path, OperatingSystem()).read()
        found = []
        for place in ("new", "cur"):
            for name in other.names(place):
                end = name.partition(":2,")[2].partition(",")[0]
                flags = known.flags(end)
                octets = Path(other.path, place, name).read_bytes()
                found.append((octets, sorted(flag for flag in flags if flag[:3] != "unk")))
        return sorted(found)

    def look(self, folder: str, work: AccountWork) -> None:
        view = refreshed(work, folder).view
        told, case = self.told[folder], self.case
        case.assertIn(told.uid_validity, (0, view.uid_validity))
        case.assertGreaterEqual(view.highest_modseq, told.highest)
        case.assertGreaterEqual(view.uid_next, told.uid_next)
        case.assertEqual(list(view.uids), sorted(set(view.uids)))
        flags = shown_flags(view)
        self.same_messages(folder, work, view)
        case.assertEqual(
            sorted((told.contents[uid], sorted(names)) for uid, names in flags.items()),
            self.on_disk(folder),
        )
        self.changes_are_told(folder, work, view, flags)
        told.flags, told.highest = flags, view.highest_modseq
        told.uid_validity, told.uid_next = view.uid_validity, view.uid_next

    def same_messages(self, folder: str, work: AccountWork, view: FolderView) -> None:
        told = self.told[folder]
        known = work.read(folder)
        assert known is not None
        paths = message_paths(work, known, list(view.uids))
        self.case.assertEqual(list(paths), list(view.uids))
        for uid, path in paths.items():
            octets = Path(path).read_bytes()
            if uid not in told.contents:
                self.case.assertGreaterEqual(uid, told.uid_next)
            self.case.assertEqual(told.contents.setdefault(uid, octets), octets)
        if view.uids:
            self.case.assertLess(view.uids[-1], view.uid_next)

    def changes_are_told(
        self, folder: str, work: AccountWork, view: FolderView, flags: dict[int, set[str]]
    ) -> None:
        told = self.told[folder]
        since = {view.uids[index] for index in view.changed_since(told.highest)}
        changed_ones = {uid for uid, names in flags.items() if told.flags.get(uid) != names}
        self.case.assertLessEqual(changed_ones, since)
        gone = told.flags.keys() - flags.keys()
        found = vanished(work, folder, told.highest)
        in_ranges = {uid for first, last in found.ranges for uid in range(first, last + 1)}
        self.case.assertTrue(not found.complete or gone <= in_ranges)
        self.case.assertFalse(in_ranges & flags.keys())
        if view.modseqs:
            self.case.assertLessEqual(max(view.modseqs), view.highest_modseq)


def shown_flags(view: FolderView) -> dict[int, set[str]]:
    pairs = zip(view.uids, view.flags, strict=True)
    return {
        uid: {name for name in flag_names(flags, view.keywords) if not name.startswith("unknown")}
        for uid, flags in pairs
    }


def changed(before: set[str], action: FlagAction, flags: set[str]) -> set[str]:
    """The flags after STORE."""
    if action is FlagAction.ADD:
        return before | flags
    return before - flags if action is FlagAction.REMOVE else flags


class ModelTests(SynchronousTestCase):
    @given(st.integers(0, 1 << 32), st.lists(st.integers(0, 1 << 16), max_size=20))
    def test_random_work(self, seed: int, steps: list[int]) -> None:
        machine = Machine(self, str(Path(self.mktemp()).absolute()), seed)
        try:
            for step in steps:
                machine.step(step)
        finally:
            machine.close()
