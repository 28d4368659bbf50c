"""The contract of a mail store, kept by the Maildir and by the store in memory."""

from __future__ import annotations

import errno
import os

from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.address import Address
from mailhost.message.status import NO_STORAGE
from mailhost.store.mailboxes import MailStore
from tests.memory_store import MemoryStore
from tests.store.boxes import Commits, RealDisk, here
from tests.store.contract import ANN, StoreContract


class MaildirTests(StoreContract, SynchronousTestCase):
    def setUp(self) -> None:
        def quota_of(account: Address) -> int | None:
            return self.quota if account == ANN else None

        mail = os.path.abspath(self.mktemp())
        self.store = MailStore(mail, "mx", Commits(RealDisk()), here, quota_of)

    def fill_disk(self) -> None:
        def create(disk: RealDisk, path: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device", path)

        self.patch(RealDisk, "create", create)


class MemoryTests(StoreContract, SynchronousTestCase):
    def setUp(self) -> None:
        self.store = MemoryStore(lambda account: self.quota if account == ANN else None)

    def fill_disk(self) -> None:
        self.store.answers[str(ANN)] = NO_STORAGE
