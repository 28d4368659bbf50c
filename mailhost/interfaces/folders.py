"""The folders of an account as readers see them: IMAP now, later search, JMAP and webmail.

Neither a path nor a lock file goes over these interfaces. A folder's state is a FolderView, an
immutable value: a reader keeps the UIDs that it told its client, and compares them with a later
view. Everything that may be refused returns a StoreRefusal in place of its result; faults of the
disk are logged by the store and come back as a refusal that is temporary.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from zope.interface import Attribute, Interface

from mailhost.message.address import Address
from mailhost.message.content import Content
from mailhost.message.flags import FlagAction
from mailhost.message.imap.content_keys import ContentKey

UNKNOWN_SIZE = 0  # octets of a message that were not counted yet
UNKNOWN_DATE = -(1 << 63)  # of a message whose date was not looked up yet


class Reason(Enum):
    """Why a store refuses something. The value is IMAP's response code (RFC 9051 §7.1)."""

    NONEXISTENT = "NONEXISTENT"
    ALREADY_EXISTS = "ALREADYEXISTS"
    CANNOT = "CANNOT"
    OVER_QUOTA = "OVERQUOTA"
    LIMIT = "LIMIT"
    EXPUNGED = "EXPUNGEISSUED"
    IN_USE = "INUSE"
    UNAVAILABLE = "UNAVAILABLE"


@dataclass(frozen=True, slots=True)
class StoreRefusal:
    """`text` tells the client what to do, `cause` is for the log alone."""

    reason: Reason
    text: str
    cause: str = ""


@dataclass(frozen=True, slots=True)
class FolderInfo:
    """One line of LIST. `name` has `/` between levels; the inbox is `INBOX`.

    A folder that is not `selectable` exists only as a level above others, or as a subscription.
    `special_use` is such as `\\Sent`, empty for none (RFC 6154).
    """

    name: str
    selectable: bool = True
    subscribed: bool = False
    has_children: bool = False
    special_use: str = ""


@dataclass(frozen=True, slots=True)
class FolderStatus:
    """The status of a folder (RFC 9051 §6.3.11). Sizes are in octets on the wire."""

    mailbox_id: str
    uid_validity: int
    uid_next: int
    highest_modseq: int
    messages: int
    unseen: int
    deleted: int
    size: int
    deleted_size: int


@dataclass(frozen=True, slots=True)
class FolderView:
    """The messages of a folder at one moment, by rising UID: five arrays of the same length, with
    the types of the defaults below.

    `flags` are bits (`message.flags`), `keywords` names those above the system flags; a name may be
    empty. `more_keywords` says that the folder can have others too. `sizes` are octets on the wire,
    or UNKNOWN_SIZE; `dates` are INTERNALDATE in seconds since 1970, or UNKNOWN_DATE.
    """

    mailbox_id: str
    uid_validity: int
    uid_next: int
    highest_modseq: int
    keywords: tuple[str, ...] = ()
    uids: array[int] = field(default_factory=lambda: array("I"), repr=False)
    flags: array[int] = field(default_factory=lambda: array("I"), repr=False)
    modseqs: array[int] = field(default_factory=lambda: array("Q"), repr=False)
    sizes: array[int] = field(default_factory=lambda: array("I"), repr=False)
    dates: array[int] = field(default_factory=lambda: array("q"), repr=False)
    more_keywords: bool = True

    def index_of(self, uid: int) -> int | None:
        """Return the place of a UID in the arrays, None where there is no such message."""
        index = bisect_left(self.uids, uid)
        return index if index < len(self.uids) and self.uids[index] == uid else None

    def changed_since(self, modseq: int) -> list[int]:
        """Return the places of the messages that were added or whose flags changed after it."""
        if self.highest_modseq <= modseq:
            return []
        return [index for index, one in enumerate(self.modseqs) if one > modseq]


@dataclass(frozen=True, slots=True)
class FlagChange:
    """`flags` are names: system flags with their backslash, keywords as the client spells them."""

    action: FlagAction
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FlagsSet:
    """The result of a change of flags. `modified` have another MODSEQ than the client allowed for
    (RFC 7162 §3.1.3), `expunged` are gone; both are UIDs and were not changed. `view` is the folder
    after the change, `modseq_before` its highest MODSEQ before it, to find what others changed."""

    view: FolderView
    modified: Sequence[int] = ()
    expunged: Sequence[int] = ()
    modseq_before: int = 0

    @property
    def changed(self) -> bool:
        """True where the flags of a message have changed."""
        return self.view.highest_modseq > self.modseq_before


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to be added. `flags` are names, `date` is seconds since 1970, None for now."""

    content: Content
    flags: tuple[str, ...] = ()
    date: int | None = None


@dataclass(frozen=True, slots=True)
class Added:
    """The UIDs of messages that were added, in the order in which they were given."""

    uid_validity: int
    uids: Sequence[int]


@dataclass(frozen=True, slots=True)
class Copied:
    """The messages that were copied or moved: `uids[n]` has become `copies[n]`. Messages that are
    gone are left out. `uid_validity` is that of the target."""

    uid_validity: int
    uids: Sequence[int]
    copies: Sequence[int]


@dataclass(frozen=True, slots=True)
class Vanished:
    """UIDs that are gone since a MODSEQ, as ranges (first, last), rising (RFC 7162 §3.2.5).

    Where the store no longer knows what vanished since then, `complete` is False: then every UID
    that is not in the folder counts as vanished.
    """

    ranges: Sequence[tuple[int, int]]
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Details:
    """Data of FETCH that are neither in a view nor in a summary: EMAILID (RFC
    8474), and SAVEDATE (RFC 8514) in seconds since 1970."""

    email_id: str
    saved: int


@dataclass(frozen=True, slots=True)
class Usage:
    """The use of an account: octets and messages, and the octets that it may hold, None for any
    number. With such a limit, `octets` is the count by which mail is refused, which may be some
    minutes behind what other programs do."""

    octets: int
    messages: int
    limit: int | None


@dataclass(frozen=True, slots=True)
class Matches:
    """One part of a search: the first `searched` of the messages that were asked for were looked
    at, and of those `uids` match, in their order."""

    searched: int
    uids: Sequence[int]


class SummaryField(Enum):
    """The fields that a store keeps of a message's content, as in `message.imap.summary`. The value
    is the name of the attribute there; REFERENCES are divided by blanks, SENT is seconds since 1970
    and SENT_DAY days, both None where the Date field cannot be read."""

    SIZE = "size"
    ENVELOPE = "envelope"
    BODY = "body"
    BODY_STRUCTURE = "body_structure"
    PARTS = "parts"
    HEAD = "head"
    PREVIEW = "preview"
    MESSAGE_ID = "message_id"
    REFERENCES = "refs"
    BASE_SUBJECT = "base_subject"
    IS_REPLY = "is_reply"
    SENT = "sent"
    SENT_DAY = "sent_day"
    SORT_FROM = "sort_from"
    SORT_TO = "sort_to"
    SORT_CC = "sort_cc"
    THREAD_ID = "thread_id"


class IWatch(Interface):
    """A watcher that is told of changes until it is stopped."""

    def stop() -> None:
        """End it. A second call does nothing."""


class IFolder(Interface):
    """A folder that is open. Opening costs nothing that must be given back."""

    name = Attribute("The folder's name, `INBOX` in capitals.")

    def watch(changed: Callable[[], None]) -> IWatch:
        """Call `changed` whenever the folder may have changed, whoever changed it: this host's
        other sessions, or programs outside of it."""

    def view(sizes: bool = False, dates: bool = False) -> Awaitable[FolderView | StoreRefusal]:
        """Return the newest state: all that this host and other programs have changed so far. The
        same object is returned while nothing has changed. With `sizes` the sizes of all messages
        are known, with `dates` their dates: a store may find them out when they are asked for."""

    def add(messages: Sequence[NewMessage]) -> Awaitable[Added | StoreRefusal]:
        """Add all of `messages`, or none. They are safe on disk then."""

    def set_flags(
        uids: Sequence[int], change: FlagChange, unchanged_since: int | None = None
    ) -> Awaitable[FlagsSet | StoreRefusal]:
        """Change the flags of messages. With `unchanged_since` a message with a higher MODSEQ is
        left as it is. The change survives the end of the process, not a power cut. If anything has
        changed, those who watch are called once, right before it returns."""

    def copy(uids: Sequence[int], target: str) -> Awaitable[Copied | StoreRefusal]:
        """Copy messages with their flags and dates to another folder, all or none. Safe on disk
        then."""

    def move(uids: Sequence[int], target: str) -> Awaitable[Copied | StoreRefusal]:
        """As `copy`, and they are gone here. No message is in both folders, or in neither."""

    def expunge(uids: Sequence[int]) -> Awaitable[FolderView | StoreRefusal]:
        """Remove messages; the store may keep them for an undelete. Returns the state after it."""

    def vanished(since: int) -> Awaitable[Vanished | StoreRefusal]:
        """Return what is gone since a MODSEQ."""

    def details(uids: Sequence[int]) -> Awaitable[Mapping[int, Details] | StoreRefusal]:
        """Return the details of messages by UID; those that are gone are left out."""

    def summaries(
        uids: Sequence[int], fields: Sequence[SummaryField]
    ) -> Awaitable[Mapping[int, Sequence[Any]] | StoreRefusal]:
        """Return these fields of the summaries of messages by UID, in their order; messages that
        are gone are left out. Those without a summary are read for it: ask for some hundred at a
        time."""

    def matching(uids: Sequence[int], key: ContentKey) -> Awaitable[Matches | StoreRefusal]:
        """Return which messages have a content that matches, of as many of `uids` as can be looked
        at within a tenth of a second, one at least; ask again for the others. So a store that reads
        messages lets other operations go on between two parts, and whoever asks can stop. A store
        with an index answers for all at once. Messages that are gone do not match."""

    def contents(uids: Sequence[int]) -> Awaitable[Mapping[int, Content] | StoreRefusal]:
        """Return messages with CRLF line ends by UID; those that are gone are left out. Small ones
        are in memory, each of the others keeps a file open: ask for a few at a time."""


class IAccountMail(Interface):
    """All folders of one account. INBOX and the folders of special use always exist."""

    def folders() -> Awaitable[Sequence[FolderInfo] | StoreRefusal]:
        """Return all folders, the levels above them, and subscriptions to what is gone."""

    def statuses(names: Sequence[str]) -> Awaitable[Mapping[str, FolderStatus] | StoreRefusal]:
        """Return the status of folders by name; those that do not exist are left out."""

    def open(name: str) -> Awaitable[IFolder | StoreRefusal]:
        """Open a folder. `inbox` in any case is INBOX."""

    def create(name: str, special_use: str = "") -> Awaitable[str | StoreRefusal]:
        """Make a folder, and return its MAILBOXID."""

    def rename(old: str, new: str) -> Awaitable[StoreRefusal | None]:
        """Rename a folder with those below it. Renaming INBOX moves its messages (RFC 9051
        §6.3.6)."""

    def remove(name: str) -> Awaitable[StoreRefusal | None]:
        """Remove a folder with its messages. One that has others below it stays as a level."""

    def subscribe(name: str, subscribed: bool) -> Awaitable[StoreRefusal | None]:
        """Add a name to the subscriptions, or take it away. It need not exist."""

    def usage() -> Awaitable[Usage | StoreRefusal]:
        """Return what the account holds and may hold."""

    def watch(changed: Callable[[str], None]) -> IWatch:
        """Call `changed` with the name of each folder that may have changed, whoever changed it,
        and with an empty name where the list of folders has."""


class IAccountStore(Interface):
    """A store that offers folders."""

    def account(address: Address) -> IAccountMail:
        """The mail of an account. Costs nothing; it need not exist on disk yet."""
