"""A process that dies, or a disk that fails, at each call of the system."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from mailhost.interfaces.changes import Change, Results
from mailhost.store.folders.account_work import AccountWork
from mailhost.store.folders.adding import add
from mailhost.store.folders.flag_changes import set_flags
from mailhost.store.folders.reading import contents
from mailhost.store.folders.refresh import refreshed
from mailhost.store.folders.removal import expunge
from mailhost.store.folders.transfer import copy, move
from tests.store.counted import CountedCalls
from tests.store.folders.accounts import AccountCase, QuickSystem, adding, message


class Dead(BaseException):
    """The process is dead."""


class DyingSystem(CountedCalls, QuickSystem):
    """Dies before call number `dies_at` that changes something, or fails there with `error`."""

    def __init__(self, dies_at: int, error: int = 0) -> None:
        super().__init__()
        self.left = dies_at
        self.error = error

    def called(self) -> None:
        if self.left == 0 and self.error:
            self.left -= 1
            raise OSError(self.error, os.strerror(self.error))
        if self.left <= 0 and not self.error:
            raise Dead
        self.left -= 1

    def sync(self, fd: int) -> None:
        self.called()

    def sync_folder(self, path: str) -> None:
        self.called()

    def sync_file_system(self, fd: int) -> None:
        self.called()


Told = dict[str, dict[int, bytes]]


class CrashTests(AccountCase):
    """`told` are the octets of the messages by folder and UID that a client was told."""

    def setUp(self) -> None:
        super().setUp()
        self.told: Told = {"": {}, ".Other": {}}
        self.highest = {"": 0, ".Other": 0}

    def look(self, work: AccountWork) -> dict[str, set[int]]:
        """Look at both folders: no UID has changed its message."""
        shown = {}
        for folder, told in self.told.items():
            view = refreshed(work, folder).view
            found = {u: c.read() for u, c in contents(work, folder, list(view.uids)).items()}
            self.assertEqual(set(found), set(view.uids))
            for uid, octets in found.items():
                self.assertEqual(told.setdefault(uid, octets), octets, (folder, uid))
            self.assertGreaterEqual(view.highest_modseq, self.highest[folder])
            self.highest[folder] = view.highest_modseq
            shown[folder] = set(view.uids)
        return shown

    def counted(self, text: bytes) -> int:
        """How many files have it."""
        files = [*Path(self.root).glob("cur/*"), *Path(self.root).glob(".Other/cur/*")]
        return sum(text in path.read_bytes() for path in files)

    def each(self, act: Callable[[AccountWork], None], error: int = 0) -> None:
        """Let `act` die or fail at each of its calls, with a look after each."""
        for number in range(100):
            system = DyingSystem(number, error)
            work = self.opened(system)
            finished = False
            try:
                act(work)
                finished = True
            except (Dead, OSError):
                pass
            work.close()
            for lock in Path(self.root).glob("**/*.lock"):
                lock.unlink()  # as its process is dead
            after = self.opened()
            self.look(after)
            self.check(finished)
            after.close()
            if finished and (system.left > 0 if not error else system.left >= 0):
                return
        self.fail("more calls than that")

    def check(self, finished: bool) -> None:
        """Look for what must be so after a step that ended, or did not."""

    def put(self, text: bytes) -> int:
        """Add a message to INBOX; returns its UID."""
        (uid,) = add(self.work, "", [message(text)]).uids
        self.look(self.work)
        return uid

    def test_adding(self) -> None:
        for error in (0, errno.ENOSPC):
            self.each(self._add, error)

    def _add(self, work: AccountWork) -> None:
        for _ in range(2):
            added = add(work, "", [message(b"added", "\\Seen", "Work"), message(b"more")])
            for uid, text in zip(added.uids, (b"added", b"more"), strict=True):
                octets = b"Subject: x\r\n\r\n" + text + b"\r\n"
                self.assertEqual(self.told[""].setdefault(uid, octets), octets)

    def test_moving(self) -> None:
        """The message is in one of the two folders at any time."""
        number = 0

        def act(work: AccountWork) -> None:
            nonlocal number
            number += 1
            uids = [self.put(b"moved %d." % number), self.put(b"beside %d." % number)]
            move(work, "", uids, ".Other")

        def check(finished: bool) -> None:
            for text in (b"moved %d.", b"beside %d."):
                self.assertEqual(self.counted(text % number), 1)

        self.check = check  # type: ignore[method-assign]
        for error in (0, errno.ENOSPC):
            self.each(act, error)

    def test_moving_many(self) -> None:
        """So many that one sync of the file system serves them."""
        number = 0

        def act(work: AccountWork) -> None:
            nonlocal number
            number += 1
            texts = (b"one %d.", b"two %d.", b"three %d.", b"four %d.")
            move(work, "", [self.put(text % number) for text in texts], ".Other")

        def check(finished: bool) -> None:
            for text in (b"one %d.", b"two %d.", b"three %d.", b"four %d."):
                self.assertEqual(self.counted(text % number), 1)

        self.check = check  # type: ignore[method-assign]
        for error in (0, errno.ENOSPC):
            self.each(act, error)

    def test_files_that_another_program_renames_are_found(self) -> None:
        disk = self.work.disk

        def commit(changes: Sequence[Change]) -> Results:
            """Another program reads some of them just before."""
            self.work.disk = disk
            for name in self.inbox.names()[::2]:
                self.inbox.rename(name, f"{name}S")
            return disk.commit(changes)

        for act, folders in ((copy, 2), (move, 1)):
            texts = [b"%s %d." % (act.__name__.encode(), number) for number in range(6)]
            uids = [self.put(text) for text in texts]
            self.work.disk = replace(disk, commit=commit)
            done = act(self.work, "", uids, ".Other")
            self.assertEqual(list(done.uids), uids)
            self.assertEqual([self.counted(text) for text in texts], [folders] * 6)
            self.look(self.work)

    def test_copying(self) -> None:
        uid = self.put(b"copied")

        def act(work: AccountWork) -> None:
            copied = copy(work, "", [uid], ".Other")
            self.told[".Other"][copied.copies[0]] = b"Subject: x\r\n\r\ncopied\r\n"

        for error in (0, errno.ENOSPC):
            self.each(act, error)

    def test_copying_on_a_disk_without_links(self) -> None:
        uid = self.put(b"copied")
        work = self.opened()
        work.disk.system.link = _no_links  # type: ignore[method-assign]
        copied = copy(work, "", [uid], ".Other")
        self.assertEqual(list(copied.uids), [uid])
        self.look(work)
        self.assertEqual(self.counted(b"copied"), 2)

    def test_flags_and_removal(self) -> None:
        def act(work: AccountWork) -> None:
            uid = self.put(b"changed")
            set_flags(work, "", [uid], adding("\\Flagged", "$Work"), None)
            expunge(work, "", [uid], keep=True)

        for error in (0, errno.ENOSPC):
            self.each(act, error)

    def test_a_list_with_many_dead_lines(self) -> None:
        def act(work: AccountWork) -> None:
            for _ in range(120):
                add(self.work, "", [message(b"dead")])
            uids = list(refreshed(self.work, "").view.uids)
            expunge(self.work, "", uids[2:], keep=False)
            self.later(100)
            self.inbox.touch("cur")
            self.later(100)
            refreshed(work, "")

        self.each(act)
        self.assertLess(len(self.inbox.list_lines()), 100)


class KnowingSystem(QuickSystem):
    """Knows how much of each file was synced, and which folders were since their last change."""

    def __init__(self) -> None:
        super().__init__()
        self.synced: dict[int, int] = {}
        self.changed: set[str] = set()
        self.named: list[tuple[str, bool]] = []

    def sync(self, fd: int) -> None:
        found = os.fstat(fd)
        self.synced[found.st_ino] = found.st_size

    def sync_folder(self, path: str) -> None:
        self.changed.discard(path)

    def rename(self, old: str, new: str) -> None:
        self.named.append((new, self.is_safe(old)))
        super().rename(old, new)
        self.changed.add(os.path.dirname(new))

    def is_safe(self, path: str) -> bool:
        """True where all octets of a file are on the disk."""
        found = os.stat(path)
        return self.synced.get(found.st_ino, 0) == found.st_size


class PowerCutTests(AccountCase):
    def test_what_was_added_is_on_the_disk(self) -> None:
        add(self.work, "", [message(b"the list is there")])
        system = KnowingSystem()
        work = self.opened(system)
        for count in (1, 2, 3):  # more share one sync of their file system
            add(work, "", [message(b"safe")] * count)
            self.assertTrue(system.is_safe(f"{self.root}/dovecot-uidlist"))
            self.assertNotIn(f"{self.root}/cur", system.changed)
        names = [safe for name, safe in system.named if "/cur/" in name]
        self.assertEqual(names, [True] * 6)

    def test_a_message_without_a_durable_uid_gets_another_one(self) -> None:
        (first,) = add(self.work, "", [message(b"told")]).uids
        size = os.path.getsize(f"{self.root}/dovecot-uidlist")
        add(self.work, "", [message(b"never told")])
        os.truncate(f"{self.root}/dovecot-uidlist", size)
        os.unlink(f"{self.root}/mailhost.db")  # it is behind after a power cut
        self.later(100)
        work = self.opened()
        uids = refreshed(work, "").view.uids
        texts = {uid: content.read() for uid, content in contents(work, "", list(uids)).items()}
        self.assertEqual(len(uids), 2)
        self.assertIn(b"told", texts[first])


def _no_links(old: str, new: str) -> None:
    raise OSError(errno.EPERM, "no links here")
