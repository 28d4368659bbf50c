"""An account of a test's own in a Maildir, and what other programs do in it."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailhost.durable.blocking import BlockingCommitter
from mailhost.durable.system import OperatingSystem
from mailhost.interfaces.folders import FlagChange, FolderView, NewMessage
from mailhost.message.content import Content
from mailhost.message.flags import FlagAction, flag_names
from mailhost.store.folders.account_work import AccountWork
from mailhost.store.folders.disk import Disk
from mailhost.store.folders.refresh import refreshed
from mailhost.store.folders.tree import make_maildir
from mailhost.store.maildir.dotlock import Dotlocks
from tests.durable.one_by_one import OneByOne


class Now:
    """A clock: that of the system, and `ahead` seconds."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


class QuickSystem(OneByOne):
    """Syncs nothing."""

    def sync(self, fd: int) -> None:
        pass

    def sync_file_system(self, fd: int) -> None:
        pass

    def sync_folder(self, path: str) -> None:
        pass


def disk_of(system: OperatingSystem, now: Now) -> Disk:
    """A disk that makes changes at once."""
    return Disk(system, Dotlocks(system), BlockingCommitter(system).commit, "mx.a.example", now)


def message(text: bytes, *flags: str, date: int | None = None) -> NewMessage:
    """A message to be added."""
    return NewMessage(Content((b"Subject: x\r\n\r\n" + text + b"\r\n",)), flags, date)


def adding(*flags: str) -> FlagChange:
    """A change that adds flags."""
    return FlagChange(FlagAction.ADD, flags)


class OtherProgram:
    """Changes a Maildir by the rules of all its readers. The mtime of a directory is another one
    after each change, as it is where more than a tick of the clock lies between two."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.count = 0

    def put(self, place: str, name: str, octets: bytes = b"A: b\n\nbody\n") -> str:
        """Put a message there; returns its path."""
        path = os.path.join(self.path, place, name)
        Path(path).write_bytes(octets)
        self.touch(place)
        return path

    def touch(self, place: str) -> None:
        """Let the directory be changed at a time of its own."""
        self.count += 1
        found = os.stat(os.path.join(self.path, place))
        later = max(found.st_mtime_ns, time.time_ns()) + self.count
        os.utime(os.path.join(self.path, place), ns=(later, later))

    def names(self, place: str = "cur") -> list[str]:
        """The names there."""
        return sorted(os.listdir(os.path.join(self.path, place)))

    def rename(self, old: str, new: str) -> None:
        """Rename a file in cur/."""
        cur = os.path.join(self.path, "cur")
        os.rename(os.path.join(cur, old), os.path.join(cur, new))
        self.touch("cur")

    def remove(self, name: str) -> None:
        """Remove a file from cur/."""
        os.unlink(os.path.join(self.path, "cur", name))
        self.touch("cur")

    def list_lines(self) -> list[str]:
        """The lines of the UID list."""
        return Path(self.path, "dovecot-uidlist").read_text().splitlines()


class AccountCase(SynchronousTestCase):
    """`work` is an account with an INBOX and a folder `.Other`."""

    def setUp(self) -> None:
        self.root = str(Path(self.mktemp()).absolute())
        self.now = Now()
        self.system: OperatingSystem = QuickSystem()
        self.work = self.opened()
        for path in ("", ".Other"):
            make_maildir(self.work, path)
        self.inbox = OtherProgram(self.root)
        self.other = OtherProgram(os.path.join(self.root, ".Other"))

    def opened(self, system: OperatingSystem | None = None) -> AccountWork:
        """The account as another process has it."""
        work = AccountWork(self.root, disk_of(system or self.system, self.now))
        self.addCleanup(work.close)
        return work

    def view(self, folder: str = "") -> FolderView:
        """The folder as it is now."""
        return refreshed(self.work, folder).view

    def flags(self, folder: str = "", work: AccountWork | None = None) -> dict[int, set[str]]:
        """The flags of all messages by UID."""
        view = refreshed(work or self.work, folder).view
        pairs = zip(view.uids, view.flags, strict=True)
        return {uid: set(flag_names(flags, view.keywords)) for uid, flags in pairs}

    def later(self, seconds: float = 5.0) -> None:
        """Let some time go by."""
        self.now.ahead += seconds


def uids_of(view: FolderView) -> Sequence[int]:
    """The UIDs of a view as a list."""
    return list(view.uids)
