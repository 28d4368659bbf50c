"""The contract of a store of folders, kept by the Maildirs and by the store in memory."""

from __future__ import annotations

import os

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.address import Address
from tests.imap.host import maildir_accounts
from tests.memory_accounts import MemoryAccounts
from tests.store.folder_contract import ANN, FolderContract


class Folders(FolderContract, SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.rightNow = 1_800_000_000.0

    def quota_of(self, account: Address) -> int | None:
        return self.quota if account == ANN else None

    def mktemp_folder(self) -> str:
        path: str = os.path.abspath(self.mktemp())
        os.mkdir(path)
        return path


class MaildirTests(Folders):
    def setUp(self) -> None:
        super().setUp()
        self.store = maildir_accounts(os.path.abspath(self.mktemp()), self.clock, self.quota_of)


class MemoryTests(Folders):
    def setUp(self) -> None:
        super().setUp()
        self.store = MemoryAccounts(self.clock.seconds, self.quota_of)


del FolderContract, Folders  # to be run for each store alone
