"""The mail store: mailboxes in Maildirs below `DATA/mail`.

Delivery is one file through the committer: no scan, no thread of its own. Everything else looks at
the disk in a thread.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from zope.interface import implementer

from mailhost.concurrency.threads import InThread
from mailhost.durable.system import OperatingSystem
from mailhost.interfaces.answer import Answer
from mailhost.interfaces.changes import NewFile, RemovedFile
from mailhost.interfaces.store import (
    DELIVERED,
    OVER_QUOTA,
    ICommitter,
    IExclusive,
    ILock,
    IMailbox,
    IMaildirs,
    IMailStore,
    IMaintenance,
    IUsages,
    StoredMessage,
)
from mailhost.message.address import Address
from mailhost.message.content import Content
from mailhost.message.status import LOCAL_ERROR, NO_STORAGE, Status
from mailhost.store.lock import try_lock
from mailhost.store.maildir.expunged import outdated
from mailhost.store.maildir.filename import new_name
from mailhost.store.maildir.files import MOST_READINGS, located, stale_files
from mailhost.store.maildir.folder import (
    account_folder,
    all_mailboxes,
    complete_maildir,
    mailbox_folder,
    make_maildir,
)
from mailhost.store.maildir.folder_names import INBOX, canonical
from mailhost.store.maildir.pop3_uidls import LOCK_FILE, settle_adoption
from mailhost.store.maildir.removed_folders import delete_left
from mailhost.store.maildir.scan import list_messages, open_message
from mailhost.store.maildir.usage import usage
from mailhost.store.quota import QuotaOf, Usages, no_quota

UNREADABLE = Status(451, "4.2.0", "The mailbox cannot be used now; please try again later")
LARGEST_COMMIT = 500  # files removed by one commit
MOST_SIZES = 200_000  # counted sizes remembered; forgotten all at once beyond it


def _notify_no_one(account: Address, folder: str) -> None:
    """Readers that there are none of."""


@implementer(IMailStore, IMaintenance, IMaildirs)
class MailStore:
    """`mail` is the folder of all Maildirs, `hostname` goes into file names.

    `changed` is called with account and folder after messages were delivered or removed.
    `quota_of` knows the accounts' quotas. `usages` counts for all processes; without it the store
    counts by itself. `sizes` remembers the sizes of messages that were counted once. Messages that
    were expunged `keep_expunged` seconds ago are removed by `tidy`.
    """

    def __init__(
        self,
        mail: str,
        hostname: str,
        committer: ICommitter,
        in_thread: InThread,
        quota_of: QuotaOf = no_quota,
        usages: IUsages | None = None,
        sizes: dict[tuple[str, str], int] | None = None,
        now: Callable[[], float] = time.time,
        changed: Callable[[Address, str], None] = _notify_no_one,
        keep_expunged: float = 0.0,
    ) -> None:
        self._keep_expunged = keep_expunged
        self.changed = changed
        self.hostname = hostname
        self.committer = committer
        self.now = now
        self.sizes = {} if sizes is None else sizes
        self.quota_of = quota_of
        self.usages: IUsages = usages or Usages(lambda path: in_thread(partial(usage, path)), now)
        self.in_thread = in_thread
        self._mail = mail

    def inbox(self, account: Address) -> IMailbox:
        path = account_folder(self._mail, account)
        return Mailbox(self, account, path, path, INBOX)

    def mailbox(self, account: Address, folder: str) -> IMailbox:
        path = account_folder(self._mail, account)
        return Mailbox(self, account, path, mailbox_folder(path, folder), canonical(folder))

    def exclusive(self, account: Address) -> IExclusive:
        return MaildropLock(self.in_thread, account_folder(self._mail, account))

    def room(self, account: Address, size: int) -> Answer[bool]:
        quota = self.quota_of(account)
        if quota is None:
            return True
        left = self.usages.left(account_folder(self._mail, account), size, quota)
        return left >= size if isinstance(left, int) else self._room(left, size)

    async def _room(self, left: Awaitable[int], size: int) -> bool:
        try:
            return await left >= size
        except OSError:
            return True  # the delivery will find and log the fault

    def maildir(self, path: str) -> IMailbox:
        return Mailbox(self, None, path, path, "")

    async def tidy(self) -> None:
        """See IMaintenance. Files that cannot be removed stay. Mailboxes get the cur/ that older
        versions did not make."""
        stale = await self.in_thread(self._stale)
        for start in range(0, len(stale), LARGEST_COMMIT):
            some = stale[start : start + LARGEST_COMMIT]
            await self.committer.commit([RemovedFile(path) for path in some])

    def _stale(self) -> list[str]:
        now = self.now()
        stale = []
        for path in all_mailboxes(self._mail):
            complete_maildir(path)
            stale += stale_files(path, now)
            stale += outdated(path, now - self._keep_expunged)
            delete_left(path, now)
        return stale


@implementer(IMailbox)
class Mailbox:
    """One folder of an account, or of none. `key` is the path of the account's Maildir, `path` the
    folder's own, `name` the folder's name for those who watch it."""

    __slots__ = ("_account", "_key", "_name", "_path", "_store")

    def __init__(
        self, store: MailStore, account: Address | None, key: str, path: str, name: str
    ) -> None:
        self._store = store
        self._account = account
        self._key = key
        self._path = path
        self._name = name

    @property
    def _quota(self) -> int | None:
        return None if self._account is None else self._store.quota_of(self._account)

    async def deliver(self, contents: Sequence[Content]) -> Status:
        size = sum(content.size for content in contents)
        quota = self._quota
        if quota is None:
            return await self._write(contents, size)
        usages = self._store.usages
        try:
            if not await usages.reserve(self._key, size, quota):
                return OVER_QUOTA.because(f"{self._account} has a quota of {quota} octets")
        except OSError as error:
            return _status_of(error)
        try:
            return await self._write(contents, size)
        finally:
            usages.release(self._key, size)

    async def _write(self, contents: Sequence[Content], size: int) -> Status:
        name = new_name(self._store.hostname, self._store.now(), size)
        change = NewFile(
            f"{self._path}/tmp/{name}",
            f"{self._path}/new/{name}",
            tuple(contents),
            beside=f"{self._path}/cur",
        )
        (fault,) = await self._store.committer.commit((change,))
        if fault is not None:
            return _status_of(fault)
        self._notify()
        return DELIVERED

    async def messages(self) -> Sequence[StoredMessage]:
        sizes = self._store.sizes
        if len(sizes) > MOST_SIZES:
            sizes.clear()
        return await self._store.in_thread(partial(list_messages, self._path, sizes))

    def open(self, message: StoredMessage) -> Awaitable[Content]:
        return self._store.in_thread(partial(open_message, self._path, message))

    async def remove(self, messages: Sequence[StoredMessage]) -> int:
        wanted = {message.unique for message in messages}
        failed: set[str] = set()
        sizes: dict[str, int] = {}
        # a file that another program renames just before it is removed is still there
        for _ in range(MOST_READINGS):
            files = await self._store.in_thread(partial(located, self._path, wanted - failed))
            if not files:
                break
            sizes |= {file.unique: file.size for file in files}
            changes = [RemovedFile(file.path) for file in files]
            faults = await self._store.committer.commit(changes)
            failed |= {file.unique for file, fault in zip(files, faults, strict=True) if fault}
        if self._quota is not None:
            removed = sum(size for unique, size in sizes.items() if unique not in failed)
            self._store.usages.removed(self._key, removed)
        self._notify()
        return len(failed)

    def _notify(self) -> None:
        if self._account is not None:
            self._store.changed(self._account, self._name)


@implementer(IExclusive)
class MaildropLock:
    """A file in the account's Maildir, at `path`, with flock(2) on it."""

    def __init__(self, in_thread: InThread, path: str) -> None:
        self._in_thread = in_thread
        self._path = path

    def lock(self) -> Awaitable[ILock | None]:
        return self._in_thread(self._lock)

    def _lock(self) -> ILock | None:
        make_maildir(self._path)
        settle_adoption(OperatingSystem(), self._path, makes_list=False)
        return try_lock(os.path.join(self._path, LOCK_FILE))


def _status_of(error: OSError) -> Status:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NO_STORAGE.because(str(error))
    if error.errno in (errno.EACCES, errno.ENOTDIR, errno.EROFS, errno.EPERM):
        return UNREADABLE.because(str(error))
    return LOCAL_ERROR.because(str(error))
