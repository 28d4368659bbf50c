"""Folders of accounts in memory: a second implementation of `interfaces/folders`, as a store in a
database would be. It passes the contract of all such stores (tests/store/folder_contract).
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

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
    IAccountStore,
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
from mailhost.message.address import Address
from mailhost.message.content import Content
from mailhost.message.flags import DELETED, SEEN, FlagAction, flag_names
from mailhost.message.imap.content_keys import ContentKey
from mailhost.message.imap.content_search import ContentSearch
from mailhost.message.imap.object_ids import object_id
from mailhost.message.imap.reader import MemoryReader
from mailhost.message.imap.summary import Summary, summary
from mailhost.store.cache.contents import fields_of
from mailhost.store.folders.flag_changes import known_bits
from mailhost.store.folders.special_use import STANDARD
from mailhost.store.folders.watchers import Watchers
from mailhost.store.maildir.folder_names import (
    INBOX,
    UnfitName,
    canonical,
    directory_of,
    usual_uses,
)
from mailhost.store.quota import QuotaOf, no_quota

MOST_KEYWORDS = 27  # as many as there are bits above the system flags

NO_SUCH = StoreRefusal(Reason.NONEXISTENT, "There is no such folder")
EXISTS = StoreRefusal(Reason.ALREADY_EXISTS, "There is a folder of that name")
INBOX_STAYS = StoreRefusal(Reason.CANNOT, "INBOX cannot be removed")
OVER_QUOTA = StoreRefusal(Reason.OVER_QUOTA, "The mailbox is full; delete some messages first")


@dataclass(slots=True)
class Message:
    """One message of a folder."""

    octets: bytes
    flags: int
    modseq: int
    date: int
    saved: int
    email_id: str
    summary: Summary | None = None


@dataclass(slots=True)
class Folder:
    """The state of one folder. `vanished` are pairs of a MODSEQ and a UID."""

    mailbox_id: str
    uid_validity: int
    modseq: int
    uid_next: int = 1
    keywords: list[str] = field(default_factory=list)
    messages: dict[int, Message] = field(default_factory=dict)
    vanished: list[tuple[int, int]] = field(default_factory=list)
    view: FolderView | None = None

    def seen(self) -> FolderView:
        """Return the view, the same while nothing has changed."""
        if self.view is None:
            messages = self.messages.values()
            self.view = FolderView(
                self.mailbox_id,
                self.uid_validity,
                self.uid_next,
                self.modseq,
                tuple(self.keywords),
                array("I", self.messages),
                array("I", [one.flags for one in messages]),
                array("Q", [one.modseq for one in messages]),
                array("I", [len(one.octets) for one in messages]),
                array("q", [one.date for one in messages]),
                more_keywords=len(self.keywords) < MOST_KEYWORDS,
            )
        return self.view

    def bits(self, names: Sequence[str], new: bool) -> int:
        """Return the bits of flags. With `new`, unknown keywords are added, as far as they fit."""
        for name in names if new else ():
            unknown = name.lower() not in map(str.lower, self.keywords)
            if name[:1] != "\\" and unknown and len(self.keywords) < MOST_KEYWORDS:
                self.keywords.append(name)
                self.view = None
        return known_bits(self.keywords, names)


@implementer(IAccountStore)
class MemoryAccounts:
    """`now` returns seconds since 1970."""

    def __init__(
        self,
        now: Callable[[], float],
        quota_of: QuotaOf = no_quota,
        watchers: Watchers | None = None,
    ) -> None:
        self.now = now
        self.quota_of = quota_of
        self.watchers = watchers or Watchers()
        self.numbers = count(1)
        self.silent = False  # changes are not notified, as those of other programs
        self._accounts: dict[Address, MemoryAccount] = {}

    def account(self, address: Address) -> MemoryAccount:
        if address not in self._accounts:
            self._accounts[address] = MemoryAccount(self, address)
        return self._accounts[address]


@implementer(IAccountMail)
class MemoryAccount:
    """All folders of one account."""

    def __init__(self, store: MemoryAccounts, address: Address) -> None:
        self.store = store
        self.found: dict[str, Folder] = {}
        self._address = address
        self._subscribed = {INBOX, *STANDARD.values()}
        self._uses: dict[str, str] = {}  # names by special use, where a client gave it
        self._modseq = int(store.now() * 1_000_000)
        self._complete()

    def next_modseq(self) -> int:
        """Return a MODSEQ that no change had."""
        self._modseq += 1
        return self._modseq

    def changed(self, folder: str) -> None:
        """Notify all sessions."""
        if not self.store.silent:
            self.store.watchers.changed(self._address, folder)

    def has_room(self, size: int) -> bool:
        """True where so many octets more are within the quota."""
        quota = self.store.quota_of(self._address)
        return quota is None or self._octets() + size <= quota

    def _octets(self) -> int:
        folders = self.found.values()
        return sum(len(one.octets) for folder in folders for one in folder.messages.values())

    def _complete(self) -> None:
        """Make the folders that always exist."""
        taken = self._special_uses().values()
        for name in (INBOX, *(name for use, name in STANDARD.items() if use not in taken)):
            if name not in self.found:
                self._make(name)

    def _make(self, name: str) -> Folder:
        number = next(self.store.numbers)
        validity = int(self.store.now()) + number
        self.found[name] = Folder(f"{number:08x}", validity, self.next_modseq())
        return self.found[name]

    def _special_uses(self) -> dict[str, str]:
        """Return special uses by the names of folders."""
        given = {name: use for use, name in self._uses.items() if name in self.found}
        usual = usual_uses(self.found).items()
        return {name: use for name, use in usual if use not in given.values()} | given

    async def folders(self) -> Sequence[FolderInfo]:
        self._complete()
        uses, names = self._special_uses(), self.found.keys()
        levels = {
            "/".join(name.split("/")[:depth])
            for name in names
            for depth in range(1, name.count("/") + 1)
        }
        return [
            FolderInfo(
                name, name in names, name in self._subscribed, name in levels, uses.get(name, "")
            )
            for name in sorted(names | levels | self._subscribed, key=lambda x: (x != INBOX, x))
        ]

    async def statuses(self, names: Sequence[str]) -> Mapping[str, FolderStatus]:
        self._complete()
        places = {name: self.found.get(canonical(name)) for name in names}
        return {name: _status(folder) for name, folder in places.items() if folder is not None}

    async def open(self, name: str) -> IFolder | StoreRefusal:
        self._complete()
        name = canonical(name)
        folder = self.found.get(name)
        return NO_SUCH if folder is None else MemoryFolder(self, name, folder)

    async def create(self, name: str, special_use: str = "") -> str | StoreRefusal:
        name = canonical(name.removesuffix("/"))
        refusal = self._unfit(name)
        if refusal is not None:
            return refusal
        folder = self._make(name)
        if special_use:
            self._uses[special_use] = name
        self.changed("")
        return folder.mailbox_id

    def _unfit(self, name: str) -> StoreRefusal | None:
        """Return why a new folder cannot have this name. Names that no Maildir could have are
        refused too, so that the mail can be moved to one."""
        directory = directory_of(name)
        if isinstance(directory, UnfitName):
            return StoreRefusal(Reason.CANNOT, directory.text)
        self._complete()
        return EXISTS if name in self.found else None

    async def rename(self, old: str, new: str) -> StoreRefusal | None:
        self._complete()
        old, new = canonical(old), canonical(new.removesuffix("/"))
        below = [name for name in self.found if name.startswith(f"{old}/") and old != INBOX]
        names = [*([old] if old in self.found else []), *below]
        if not names:
            return NO_SUCH
        for name in names:
            refusal = self._unfit(new + name[len(old) :])
            if refusal is not None:
                return refusal
        if old == INBOX:
            return await self._rename_inbox(new)
        for name in names:
            self.found[new + name[len(old) :]] = self.found.pop(name)
        self._subscribed = {_renamed(name, old, new) for name in self._subscribed}
        self._uses = {use: _renamed(name, old, new) for use, name in self._uses.items()}
        self.changed("")
        return None

    async def _rename_inbox(self, new: str) -> StoreRefusal | None:
        self._make(new)
        inbox = MemoryFolder(self, INBOX, self.found[INBOX])
        moved = await inbox.move(list(self.found[INBOX].messages), new)
        return moved if isinstance(moved, StoreRefusal) else None

    async def remove(self, name: str) -> StoreRefusal | None:
        self._complete()
        name = canonical(name)
        if name == INBOX:
            return INBOX_STAYS
        if self.found.pop(name, None) is None:
            return NO_SUCH
        self._uses = {use: other for use, other in self._uses.items() if other != name}
        self.changed("")
        return None

    async def subscribe(self, name: str, subscribed: bool) -> StoreRefusal | None:
        name = canonical(name)
        directory = directory_of(name)
        if subscribed and isinstance(directory, UnfitName):
            return StoreRefusal(Reason.CANNOT, directory.text)
        (self._subscribed.add if subscribed else self._subscribed.discard)(name)
        self.changed("")
        return None

    async def usage(self) -> Usage:
        messages = sum(len(folder.messages) for folder in self.found.values())
        return Usage(self._octets(), messages, self.store.quota_of(self._address))

    def watch(self, changed: Callable[[str], None]) -> IWatch:
        return self.store.watchers.watch(self._address, changed)


def _renamed(name: str, old: str, new: str) -> str:
    return new + name[len(old) :] if name == old or name.startswith(f"{old}/") else name


def _status(folder: Folder) -> FolderStatus:
    messages, view = folder.messages.values(), folder.seen()
    return FolderStatus(
        view.mailbox_id,
        view.uid_validity,
        view.uid_next,
        view.highest_modseq,
        len(messages),
        sum(not one.flags & SEEN for one in messages),
        sum(bool(one.flags & DELETED) for one in messages),
        sum(len(one.octets) for one in messages),
        sum(len(one.octets) for one in messages if one.flags & DELETED),
    )


@implementer(IFolder)
class MemoryFolder:
    """An open folder; `_folder` is the state that its UIDs belong to."""

    def __init__(self, account: MemoryAccount, name: str, folder: Folder) -> None:
        self.name = name
        self._account = account
        self._folder = folder

    @property
    def _gone(self) -> bool:
        """True where the folder was removed or renamed."""
        return self._account.found.get(self.name) is not self._folder

    def _present(self, uids: Iterable[int]) -> dict[int, Message]:
        messages = self._folder.messages
        return {uid: messages[uid] for uid in uids if uid in messages}

    def _changed(self) -> None:
        self._folder.view = None
        self._account.changed(self.name)

    def watch(self, changed: Callable[[], None]) -> IWatch:
        def notified(name: str) -> None:
            if name in (self.name, ""):
                changed()

        return self._account.watch(notified)

    async def view(self, sizes: bool = False, dates: bool = False) -> FolderView | StoreRefusal:
        return NO_SUCH if self._gone else self._folder.seen()

    async def add(self, messages: Sequence[NewMessage]) -> Added | StoreRefusal:
        if self._gone:
            return NO_SUCH
        if not self._account.has_room(sum(message.content.size for message in messages)):
            return OVER_QUOTA
        folder, now = self._folder, int(self._account.store.now())
        modseq = folder.modseq  # shared with changes that nobody has seen yet
        if folder.view is not None:
            modseq = self._account.next_modseq()
        uids = [
            _put(folder, Message(
                message.content.read(),
                folder.bits(message.flags, new=True),
                modseq,
                now if message.date is None else message.date,
                now,
                object_id("M", f"message {next(self._account.store.numbers)}"),
            ))
            for message in messages
        ]  # fmt: skip
        folder.modseq = modseq
        self._changed()
        return Added(folder.uid_validity, uids)

    async def set_flags(
        self, uids: Sequence[int], change: FlagChange, unchanged_since: int | None = None
    ) -> FlagsSet | StoreRefusal:
        if self._gone:
            return NO_SUCH
        folder = self._folder
        before, present = folder.modseq, self._present(uids)
        bits = folder.bits(change.flags, new=change.action is not FlagAction.REMOVE)
        modified = [
            uid
            for uid, one in present.items()
            if unchanged_since is not None and one.modseq > unchanged_since
        ]
        wanted = {uid: _after(one.flags, change.action, bits) for uid, one in present.items()}
        changed = {
            uid: flags
            for uid, flags in wanted.items()
            if uid not in modified and flags != present[uid].flags
        }
        if changed:
            folder.modseq = self._account.next_modseq()
            for uid, flags in changed.items():
                present[uid].flags, present[uid].modseq = flags, folder.modseq
            self._changed()
        gone = [uid for uid in uids if uid not in present]
        return FlagsSet(folder.seen(), modified, gone, before)

    async def copy(self, uids: Sequence[int], target: str) -> Copied | StoreRefusal:
        size = sum(len(one.octets) for one in self._present(uids).values())
        if not self._account.has_room(size):
            return OVER_QUOTA
        return self._transferred(uids, target)

    async def move(self, uids: Sequence[int], target: str) -> Copied | StoreRefusal:
        copied = self._transferred(uids, target)
        if not isinstance(copied, StoreRefusal):
            self._removed(copied.uids)
        return copied

    def _transferred(self, uids: Sequence[int], target: str) -> Copied | StoreRefusal:
        name = canonical(target)
        into = self._account.found.get(name)
        if self._gone or into is None:
            return NO_SUCH
        modseq, now = self._account.next_modseq(), int(self._account.store.now())
        present, copies = self._present(uids), []
        for one in present.values():
            flags = into.bits(flag_names(one.flags, self._folder.keywords), new=True)
            copy = Message(one.octets, flags, modseq, one.date, now, one.email_id, one.summary)
            copies.append(_put(into, copy))
        if copies:
            into.modseq, into.view = modseq, None
            self._account.changed(name)
        return Copied(into.uid_validity, list(present), copies)

    def _removed(self, uids: Iterable[int]) -> None:
        present = self._present(uids)
        if present:
            folder = self._folder
            folder.modseq = self._account.next_modseq()
            for uid in present:
                del folder.messages[uid]
                folder.vanished.append((folder.modseq, uid))
            self._changed()

    async def expunge(self, uids: Sequence[int]) -> FolderView | StoreRefusal:
        if self._gone:
            return NO_SUCH
        self._removed(uids)
        return self._folder.seen()

    async def vanished(self, since: int) -> Vanished | StoreRefusal:
        if self._gone:
            return NO_SUCH
        uids = sorted(uid for modseq, uid in self._folder.vanished if modseq > since)
        return Vanished([(uid, uid) for uid in uids])

    async def details(self, uids: Sequence[int]) -> Mapping[int, Details] | StoreRefusal:
        if self._gone:
            return NO_SUCH
        present = self._present(uids).items()
        return {uid: Details(one.email_id, one.saved) for uid, one in present}

    async def summaries(
        self, uids: Sequence[int], fields: Sequence[SummaryField]
    ) -> Mapping[int, Sequence[Any]] | StoreRefusal:
        if self._gone:
            return NO_SUCH
        return {uid: fields_of(_summary(one), fields) for uid, one in self._present(uids).items()}

    async def matching(self, uids: Sequence[int], key: ContentKey) -> Matches | StoreRefusal:
        if self._gone:
            return NO_SUCH
        search, present = ContentSearch(key), self._present(uids).items()
        found = [uid for uid, one in present if search.in_message(MemoryReader(one.octets))]
        return Matches(len(uids), found)

    async def contents(self, uids: Sequence[int]) -> Mapping[int, Content] | StoreRefusal:
        if self._gone:
            return NO_SUCH
        return {uid: Content((one.octets,)) for uid, one in self._present(uids).items()}


def _put(folder: Folder, message: Message) -> int:
    """Give a message the next UID, and return it."""
    uid, folder.uid_next = folder.uid_next, folder.uid_next + 1
    folder.messages[uid] = message
    return uid


def _after(before: int, action: FlagAction, bits: int) -> int:
    if action is FlagAction.ADD:
        return before | bits
    return before & ~bits if action is FlagAction.REMOVE else bits


def _summary(message: Message) -> Summary:
    if message.summary is None:
        message.summary = summary(MemoryReader(message.octets))
    return message.summary
