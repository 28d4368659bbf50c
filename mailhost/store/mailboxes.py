"""The mail store: mailboxes in Maildirs below `DATA/mail`.

Delivery is one file through the committer: no scan, no thread of its own. Everything else looks at
the disk in a thread. UIDs will be kept beside the messages, in a file that can be made again.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from twisted.internet.threads import deferToThreadPool
from zope.interface import implementer

from mailhost.interfaces import (
    ICommitter,
    ILock,
    IMailbox,
    IMailStore,
    NewFile,
    RemovedFile,
    StoredMessage,
)
from mailhost.message.address import Address
from mailhost.message.content import Content
from mailhost.message.ids import maildir_name
from mailhost.message.status import LOCAL_ERROR, NO_STORAGE, Status
from mailhost.store.lock import try_lock
from mailhost.store.maildir.filename import sized_name
from mailhost.store.maildir.folder import account_folder, mailbox_folder
from mailhost.store.maildir.scan import (
    list_messages,
    open_message,
    present,
    stale_files,
    usage,
)
from mailhost.store.quota import OctetCounts, Usages

T = TypeVar("T")

DELIVERED = Status(250, "2.1.5", "Delivered")
OVER_QUOTA = Status(452, "4.2.2", "The mailbox is full; please try again later")
UNREADABLE = Status(451, "4.2.0", "The mailbox cannot be used now; please try again later")
LOCK_FILE = "pop3.lock"
MOST_SIZES = 200_000  # counted sizes remembered; forgotten all at once beyond it


@implementer(IMailStore)
class MailStore:
    """`mail` is the folder of all Maildirs, `hostname` goes into file names.

    `usages` counts for all processes; without it the store counts by itself.
    """

    def __init__(
        self,
        mail: str,
        hostname: str,
        committer: ICommitter,
        reactor: Any,
        now: Callable[[], float] = time.time,
        usages: OctetCounts | None = None,
    ) -> None:
        self.hostname = hostname
        self.committer = committer
        self.now = now
        self.sizes: dict[str, int] = {}
        self.usages = usages or Usages(lambda path: self.in_thread(usage, path), now)
        self._mail = mail
        self._reactor = reactor

    def inbox(self, account: Address) -> IMailbox:
        return self.mailbox(account, "INBOX")

    def mailbox(self, account: Address, folder: str) -> IMailbox:
        path = account_folder(self._mail, account)
        return Mailbox(self, path, mailbox_folder(path, folder))

    def in_thread(self, work: Callable[..., T], *arguments: Any) -> Awaitable[T]:
        """Run blocking work in the reactor's threads."""
        pool = self._reactor.getThreadPool()
        return deferToThreadPool(self._reactor, pool, work, *arguments)


@implementer(IMailbox)
class Mailbox:
    """One folder. `account` is the path of the account's Maildir, `path` the folder's own."""

    def __init__(self, store: MailStore, account: str, path: str) -> None:
        self._store = store
        self._account = account
        self._path = path

    async def deliver(self, contents: Sequence[Content], quota: int | None) -> Status:
        size = sum(content.size for content in contents)
        store = self._store
        if quota is not None:
            try:
                if not await store.usages.reserve(self._account, size, quota):
                    return OVER_QUOTA.because(f"{self._account} has a quota of {quota} octets")
            except OSError as error:
                return UNREADABLE.because(str(error))
        name = maildir_name(store.hostname, store.now())
        change = NewFile(
            f"{self._path}/tmp/{name}",
            f"{self._path}/new/{sized_name(name, size)}",
            tuple(contents),
        )
        (fault,) = await store.committer.commit((change,))
        if fault is None:
            return DELIVERED
        if quota is not None:
            store.usages.release(self._account, size)
        return _status_of(fault)

    async def messages(self) -> Sequence[StoredMessage]:
        sizes = self._store.sizes
        if len(sizes) > MOST_SIZES:
            sizes.clear()
        found = await self._store.in_thread(list_messages, self._path, sizes)
        await self._tidy()
        return found

    def open(self, message: StoredMessage) -> Awaitable[Content]:
        return self._store.in_thread(open_message, self._path, message)

    async def remove(self, messages: Sequence[StoredMessage]) -> int:
        paths = await self._store.in_thread(present, self._path, messages)
        results = await self._store.committer.commit([RemovedFile(path) for path in paths])
        failed = sum(result is not None for result in results)
        self._store.usages.release(self._account, sum(message.size for message in messages))
        return failed

    def lock(self) -> Awaitable[ILock | None]:
        return self._store.in_thread(self._lock)

    def _lock(self) -> ILock | None:
        if not os.path.isdir(self._path):
            os.makedirs(self._path, mode=0o700, exist_ok=True)
        return try_lock(os.path.join(self._path, LOCK_FILE))

    async def _tidy(self) -> None:
        """Remove what writers that died left in tmp/ long ago."""
        stale = await self._store.in_thread(_stale, self._path, self._store.now())
        if stale:
            await self._store.committer.commit([RemovedFile(path) for path in stale])


def _stale(path: str, now: float) -> list[str]:
    return list(stale_files(path, now))


def _status_of(error: OSError) -> Status:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NO_STORAGE.because(str(error))
    if error.errno in (errno.EACCES, errno.ENOTDIR, errno.EROFS, errno.EPERM):
        return UNREADABLE.because(str(error))
    return LOCAL_ERROR.because(str(error))
