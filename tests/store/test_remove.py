"""Removing messages for good, while other tools move and delete them."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence

from twisted.trial.unittest import SynchronousTestCase

from mailhost.durable.system import OperatingSystem
from mailhost.interfaces.changes import RemovedFile
from mailhost.interfaces.store import StoredMessage
from mailhost.store.mailboxes import MailStore
from tests.fakes import now
from tests.store.boxes import ANN, Commits, RealDisk, StoreCase, here


class RemoveTests(StoreCase):
    def several(self, count: int = 3) -> list[StoredMessage]:
        """Deliver some messages and list them."""
        os.makedirs(os.path.join(self.path, "cur"), exist_ok=True)
        for number in range(count):
            self.seconds += 1
            self.deliver(b"%d\r\n" % number)
        return list(self.listed())

    def move(self, message: StoredMessage, flags: str = "S") -> str:
        """Move a message to cur/ or give it other flags, as a reader does; return its new path."""
        name = os.path.basename(message.hint).partition(":")[0]
        path = os.path.join(self.path, "cur", f"{name}:2,{flags}")
        os.rename(message.hint, path)
        return path

    def test_only_those_that_are_meant(self) -> None:
        one, two, three = self.several()
        self.assertEqual(self.remove(one, three), 0)
        self.assertEqual(self.listed(), [two])

    def test_nothing_to_remove(self) -> None:
        self.several(1)
        self.assertEqual(self.remove(), 0)
        self.assertEqual(len(self.listed()), 1)

    def test_those_that_moved_since_they_were_listed(self) -> None:
        one, two, three = self.several()
        self.move(one)
        self.move(three, "")
        self.assertEqual(self.remove(one, two, three), 0)
        self.assertEqual(self.files(), [])

    def test_those_whose_flags_changed(self) -> None:
        self.put("msg.1:2,")
        message = self.the_one()
        self.move(message, "RS")
        self.assertEqual(self.remove(message), 0)
        self.assertEqual(self.files(), [])

    def test_gone_already_is_removed(self) -> None:
        one, two, _ = self.several()
        os.unlink(one.hint)
        self.assertEqual(self.remove(one, two), 0)
        self.assertEqual(len(self.files()), 1)

    def test_a_maildir_that_is_gone(self) -> None:
        (message,) = self.several(1)
        os.rename(self.path, self.path + ".away")
        self.assertEqual(self.remove(message), 0)

    def test_one_that_moves_at_the_last_moment(self) -> None:
        one, two, _ = self.several()

        def reader() -> None:
            self.commits.first = lambda: None
            self.move(two)

        self.commits.first = reader
        self.assertEqual(self.remove(one, two), 0)
        self.assertEqual(len(self.files()), 1)

    def test_a_message_that_lies_there_twice(self) -> None:
        path = self.put("msg.1:2,", folder="cur")
        os.makedirs(os.path.join(self.path, "new"))
        os.link(path, os.path.join(self.path, "new", "msg.1"))  # moved by link and unlink
        self.assertEqual(self.remove(self.the_one()), 0)
        self.assertEqual(self.files(), [])

    def test_the_folders_are_read_a_few_times_for_any_number_of_messages(self) -> None:
        messages = self.several(40)
        for message in messages:
            self.move(message)
        read: list[str] = []
        scandir = os.scandir

        def noted(path: str) -> Iterator[os.DirEntry[str]]:
            read.append(path)
            return scandir(path)

        self.patch(os, "scandir", noted)
        self.assertEqual(self.remove(*messages), 0)
        self.assertLessEqual(len(read), 20)
        self.assertGreater(len(read), 0)

    def test_what_is_removed_goes_through_the_committer(self) -> None:
        (message,) = self.several(1)
        self.commits.asked.clear()
        self.remove(message)
        self.assertEqual(self.commits.asked, [RemovedFile(message.hint)])


class Stubborn(RealDisk):
    """Does not remove files whose contents it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: set[str] = set()

    def remove(self, path: str) -> None:
        if path in self.kept:
            raise PermissionError(errno.EACCES, "not this one", path)
        super().remove(path)


class Unsynced(RealDisk):
    """Its folders can no longer be synced once `broken`."""

    broken = False

    def sync_folder(self, path: str) -> None:
        if self.broken:
            raise OSError(errno.EIO, "broken")


class FailureTests(SynchronousTestCase):
    def box_with(self, system: OperatingSystem) -> tuple[MailStore, Sequence[StoredMessage]]:
        """A store over `system`, with three messages of Ann's."""
        mail = os.path.abspath(self.mktemp())
        store = MailStore(mail, "mx.a.example", Commits(system), here)
        for _ in range(3):
            now(store.inbox(ANN).deliver([]))
        return store, now(store.inbox(ANN).messages())

    def test_those_that_could_not_be_removed_are_counted_and_stay(self) -> None:
        system = Stubborn()
        store, messages = self.box_with(system)
        system.kept = {message.hint for message in messages[1:]}
        self.assertEqual(now(store.inbox(ANN).remove(messages)), 2)
        self.assertEqual(now(store.inbox(ANN).messages()), messages[1:])

    def test_a_removal_that_is_not_durable_is_no_removal(self) -> None:
        system = Unsynced()
        store, messages = self.box_with(system)
        system.broken = True
        self.assertEqual(now(store.inbox(ANN).remove(messages)), 3)
