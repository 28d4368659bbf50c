"""An account's mail in a folder of the test's own, worked on in the test's thread."""

from __future__ import annotations

import os
from collections.abc import Sequence

from twisted.trial.unittest import SynchronousTestCase

from mailhost.interfaces.folders import NewMessage
from mailhost.message.content import Content
from mailhost.message.flags import flag_names
from mailhost.store.folders import tree
from mailhost.store.folders.account_work import AccountWork
from mailhost.store.folders.adding import add
from mailhost.store.folders.reading import contents
from mailhost.store.folders.refresh import refreshed
from tests.store.boxes import NOW
from tests.store.folder_disk import disk_at


class MailCase(SynchronousTestCase):
    """`work` is the account's, `seconds` its clock."""

    def setUp(self) -> None:
        self.seconds = NOW
        self.root = os.path.abspath(self.mktemp())
        self.work = self.open_work(self.root)

    def open_work(self, root: str) -> AccountWork:
        """Open an account's mail, as another process would."""
        work = AccountWork(root, disk_at(lambda: self.seconds))
        self.addCleanup(work.close)
        tree.directories(work)
        return work

    def path(self, folder: str) -> str:
        """The path of a folder's Maildir below the account's."""
        found = tree.found(self.work, folder)
        assert isinstance(found, tree.Place), found
        return found.path

    def add(
        self, text: bytes, folder: str = "INBOX", flags: Sequence[str] = (), date: int | None = None
    ) -> int:
        """Add a message, and return its UID."""
        message = NewMessage(Content((text,)), tuple(flags), date)
        return add(self.work, self.path(folder), [message]).uids[0]

    def texts(self, folder: str = "INBOX", work: AccountWork | None = None) -> dict[int, bytes]:
        """The octets of a folder's messages by UID."""
        work = work or self.work
        found = tree.found(work, folder)
        assert isinstance(found, tree.Place), found
        uids = list(refreshed(work, found.path).view.uids)
        return {uid: text.read() for uid, text in contents(work, found.path, uids).items()}

    def flags(self, folder: str = "INBOX", work: AccountWork | None = None) -> dict[int, list[str]]:
        """The flags of a folder's messages by UID, sorted."""
        work = work or self.work
        found = tree.found(work, folder)
        assert isinstance(found, tree.Place), found
        view = refreshed(work, found.path).view
        return {
            uid: sorted(flag_names(flags, view.keywords))
            for uid, flags in zip(view.uids, view.flags, strict=True)
        }
