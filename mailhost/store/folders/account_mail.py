"""The folders of accounts for readers on the reactor.

Each operation runs in a thread, those of one account one after another (`account_thread`). After an
operation that changed something, all sessions that watch the account are notified.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Any, TypeVar

from zope.interface import implementer

from mailhost.interfaces.folders import (
    Added,
    Copied,
    Details,
    FlagChange,
    FlagsSet,
    FolderInfo,
    FolderStatus,
    FolderView,
    IAccountMail,
    IFolder,
    IWatch,
    Matches,
    NewMessage,
    Reason,
    StoreRefusal,
    SummaryField,
    Usage,
    Vanished,
)
from mailhost.interfaces.store import IUsages
from mailhost.message.address import Address
from mailhost.message.content import Content
from mailhost.message.imap.content_keys import ContentKey
from mailhost.store.folders import (
    adding,
    flag_changes,
    matching,
    measuring,
    reading,
    removal,
    transfer,
    tree,
)
from mailhost.store.folders.account_thread import AccountThread, AccountThreads
from mailhost.store.folders.account_work import AccountWork
from mailhost.store.folders.disk import Disk
from mailhost.store.folders.file_watches import FileWatches
from mailhost.store.folders.watchers import Watchers
from mailhost.store.quota import QuotaOf

T = TypeVar("T")

MANY = 100  # files that are renamed by one operation

OVER_QUOTA = StoreRefusal(Reason.OVER_QUOTA, "The mailbox is full; delete some messages first")
TRY_CREATE = StoreRefusal(Reason.NONEXISTENT, "There is no such folder")


@dataclass(frozen=True, slots=True)
class AccountContext:
    """The parts that the folders of one account share. `keep_expunged` says that expunged messages
    are kept for an undelete."""

    account: Address
    root: str
    threads: AccountThreads
    disk: Disk
    watchers: Watchers
    files: FileWatches
    quota_of: QuotaOf
    usages: IUsages
    keep_expunged: bool

    @property
    def thread(self) -> AccountThread:
        """The thread that runs the operations of the account."""
        return self.threads.of(self.root, self.disk)

    def path_of(self, folder: str) -> str:
        """Return the path of a folder's Maildir; `folder` is below the account's own."""
        return os.path.join(self.root, folder) if folder else self.root

    def changed(self, folder: str) -> None:
        """Notify all sessions."""
        self.watchers.changed(self.account, folder)


@implementer(IAccountMail)
class AccountMail:
    """The mail of one account in a Maildir++."""

    def __init__(self, context: AccountContext) -> None:
        self._context = context

    def _run(
        self, operation: Callable[[AccountWork], T | StoreRefusal]
    ) -> Awaitable[T | StoreRefusal]:
        return self._context.thread.run(operation)

    def folders(self) -> Awaitable[Sequence[FolderInfo] | StoreRefusal]:
        return self._run(tree.list_folders)

    def statuses(
        self, names: Sequence[str]
    ) -> Awaitable[Mapping[str, FolderStatus] | StoreRefusal]:
        return self._run(partial(tree.statuses, names=names))

    async def open(self, name: str) -> IFolder | StoreRefusal:
        found = await self._run(partial(tree.found, name=name))
        if isinstance(found, StoreRefusal):
            return found
        return MailFolder(self._context, found.name, found.path)

    async def create(self, name: str, special_use: str = "") -> str | StoreRefusal:
        return self._notified(
            await self._run(partial(tree.create, name=name, special_use=special_use))
        )

    async def rename(self, old: str, new: str) -> StoreRefusal | None:
        return self._notified(await self._run(partial(tree.rename, old=old, new=new)))

    async def remove(self, name: str) -> StoreRefusal | None:
        return self._notified(await self._run(partial(tree.remove, name=name)))

    async def subscribe(self, name: str, subscribed: bool) -> StoreRefusal | None:
        operation = partial(tree.subscribe, name=name, subscribed=subscribed)
        return self._notified(await self._run(operation))

    def _notified(self, result: T | StoreRefusal) -> T | StoreRefusal:
        if not isinstance(result, StoreRefusal):
            self._context.changed("")
        return result

    async def usage(self) -> Usage | StoreRefusal:
        """With a quota, the octets are those by which mail is refused."""
        context = self._context
        counted = await self._run(tree.counted)
        if isinstance(counted, StoreRefusal):
            return counted
        quota = context.quota_of(context.account)
        if quota is None:
            return Usage(counted.octets, counted.messages, None)
        try:
            left = context.usages.left(context.root, 0, quota)
            left = left if isinstance(left, int) else await left
        except OSError as error:
            return context.thread.refusal(error)
        return Usage(quota - left, counted.messages, quota)

    def watch(self, changed: Callable[[str], None]) -> IWatch:
        return self._context.watchers.watch(self._context.account, changed)


@implementer(IWatch)
class FolderWatch:
    """A watch of one folder: changes of this host by `Watchers`, others by its files."""

    def __init__(
        self, context: AccountContext, name: str, path: str, changed: Callable[[], None]
    ) -> None:
        self._context = context
        self._name = name
        self._path = context.path_of(path)
        self._changed = changed
        self._watch: IWatch | None = context.watchers.watch(context.account, self._notified)
        context.files.add(self._path, changed)

    def _notified(self, folder: str) -> None:
        if folder in (self._name, ""):  # with another list of folders, this one may be gone
            self._changed()

    def stop(self) -> None:
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.stop()
            self._context.files.remove(self._path, self._changed)


@implementer(IFolder)
class MailFolder:
    """A folder of an account. `path` is that of its Maildir below the account's."""

    def __init__(self, context: AccountContext, name: str, path: str) -> None:
        self.name = name
        self._context = context
        self._path = path
        self._uid_validity = 0  # of the view that was read first

    def watch(self, changed: Callable[[], None]) -> IWatch:
        return FolderWatch(self._context, self.name, self._path, changed)

    async def view(self, sizes: bool = False, dates: bool = False) -> FolderView | StoreRefusal:
        read = partial(measuring.view, folder=self._path, sizes=sizes, dates=dates)
        return self._seen(await self._run(read))

    def _seen(self, view: FolderView | StoreRefusal) -> FolderView | StoreRefusal:
        """From the first view on, the folder is the one with these UIDs."""
        if not isinstance(view, StoreRefusal):
            self._uid_validity = view.uid_validity
        return view

    async def add(self, messages: Sequence[NewMessage]) -> Added | StoreRefusal:
        size = sum(message.content.size for message in messages)
        return await self._with_room(
            size, partial(adding.add, folder=self._path, messages=messages), self.name
        )

    async def set_flags(
        self, uids: Sequence[int], change: FlagChange, unchanged_since: int | None = None
    ) -> FlagsSet | StoreRefusal:
        operation = partial(
            flag_changes.set_flags,
            folder=self._path,
            uids=uids,
            change=change,
            unchanged_since=unchanged_since,
        )
        if len(uids) < MANY:
            result = await self._run(operation)
        else:
            with self._context.files.paused(self._context.path_of(self._path)):
                result = await self._run(operation)
        if not isinstance(result, StoreRefusal) and result.changed:
            self._context.changed(self.name)
        return result

    async def copy(self, uids: Sequence[int], target: str) -> Copied | StoreRefusal:
        into = await self._target(target)
        if isinstance(into, StoreRefusal):
            return into
        size = 0
        if self._context.quota_of(self._context.account) is not None:
            octets = await self._run(partial(reading.octets, folder=self._path, uids=uids))
            if isinstance(octets, StoreRefusal):
                return octets
            size = octets
        operation = partial(transfer.copy, folder=self._path, uids=uids, target=into.path)
        return await self._with_room(size, operation, into.name)

    async def move(self, uids: Sequence[int], target: str) -> Copied | StoreRefusal:
        into = await self._target(target)
        if isinstance(into, StoreRefusal):
            return into
        operation = partial(transfer.move, folder=self._path, uids=uids, target=into.path)
        result = await self._run(operation)
        for name in {into.name, self.name}:  # also where some had moved before it failed
            self._context.changed(name)
        return result

    async def expunge(self, uids: Sequence[int]) -> FolderView | StoreRefusal:
        operation = partial(
            removal.expunge, folder=self._path, uids=uids, keep=self._context.keep_expunged
        )
        result = self._notified(await self._run(operation), self.name)
        if isinstance(result, StoreRefusal):
            return result
        view, octets = result
        context = self._context
        if context.quota_of(context.account) is not None:
            context.usages.removed(context.root, octets)
        return view

    def vanished(self, since: int) -> Awaitable[Vanished | StoreRefusal]:
        return self._run(partial(reading.vanished, folder=self._path, since=since))

    def details(self, uids: Sequence[int]) -> Awaitable[Mapping[int, Details] | StoreRefusal]:
        return self._run(partial(reading.details, folder=self._path, uids=uids))

    def summaries(
        self, uids: Sequence[int], fields: Sequence[SummaryField]
    ) -> Awaitable[Mapping[int, Sequence[Any]] | StoreRefusal]:
        operation = partial(reading.summaries, folder=self._path, uids=uids, fields=fields)
        return self._run(operation)

    async def matching(self, uids: Sequence[int], key: ContentKey) -> Matches | StoreRefusal:
        search = matching.search_of(key)
        begin = partial(
            matching.begin, folder=self._path, uids=uids[: matching.AT_ONCE], key=key, search=search
        )
        step = await self._run(begin)
        if isinstance(step, StoreRefusal):
            return step
        if not step.paths:
            return Matches(len(step.uids), [uid for uid in step.uids if uid in step.found])
        found = await self._context.thread.beside(partial(matching.read, step, search))
        if isinstance(found, StoreRefusal) or not step.lost:
            return found
        again = await self._run(partial(matching.found_again, folder=self._path, step=step))
        if isinstance(again, StoreRefusal):
            return again
        late = await self._context.thread.beside(partial(matching.read, again, search, inf))
        if isinstance(late, StoreRefusal):
            return late
        return Matches(found.searched, sorted({*found.uids, *late.uids}))

    def contents(self, uids: Sequence[int]) -> Awaitable[Mapping[int, Content] | StoreRefusal]:
        return self._run(partial(reading.contents, folder=self._path, uids=uids))

    # --- common steps ----------------------------------------------------------------------------

    def _run(self, operation: Callable[[AccountWork], T]) -> Awaitable[T | StoreRefusal]:
        return self._context.thread.run(
            partial(_in_folder, operation, self._path, self._uid_validity)
        )

    async def _target(self, name: str) -> tree.Place | StoreRefusal:
        found = await self._context.thread.run(partial(tree.found, name=name))
        if isinstance(found, StoreRefusal) and found.reason is Reason.NONEXISTENT:
            return TRY_CREATE
        return found

    async def _with_room(
        self, size: int, operation: Callable[[AccountWork], T], changed: str
    ) -> T | StoreRefusal:
        """Run an operation that adds `size` octets, if the account's quota has room for them."""
        context = self._context
        quota = context.quota_of(context.account)
        if quota is None:
            return self._notified(await self._run(operation), changed)
        try:
            if not await context.usages.reserve(context.root, size, quota):
                return OVER_QUOTA
        except OSError as error:
            return context.thread.refusal(error)
        try:
            return self._notified(await self._run(operation), changed)
        finally:
            context.usages.release(context.root, size)

    def _notified(self, result: T | StoreRefusal, folder: str) -> T | StoreRefusal:
        if not isinstance(result, StoreRefusal):
            self._context.changed(folder)
        return result


def _in_folder(
    operation: Callable[[AccountWork], T], path: str, uid_validity: int, work: AccountWork
) -> T:
    """Run an operation on the folder whose UIDs the caller knows, not on one that replaced it."""
    with work.only(path, uid_validity):
        return operation(work)
