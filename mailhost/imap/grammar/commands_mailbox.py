"""Commands about mailboxes. Names are Unicode; INBOX is in capitals."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from mailhost.imap.grammar.fetch_items import FetchItem
from mailhost.imap.grammar.sequence_set import SequenceSet


@dataclass(frozen=True, slots=True)
class QResync:
    """The state of a mailbox that a client knows (RFC 7162 §3.2.5). `known_uids` are those it has.
    `known_numbers` and `numbered_uids` are numbers of messages with their UIDs."""

    uid_validity: int
    modseq: int
    known_uids: SequenceSet | None = None
    known_numbers: SequenceSet | None = None
    numbered_uids: SequenceSet | None = None


@dataclass(frozen=True, slots=True)
class Select:
    """SELECT, or EXAMINE if `read_only`."""

    mailbox: str
    read_only: bool = False
    condstore: bool = False
    qresync: QResync | None = None


@dataclass(frozen=True, slots=True)
class Create:
    """CREATE, with the special uses that it asks for (RFC 6154)."""

    mailbox: str
    special_uses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Delete:
    """DELETE"""

    mailbox: str


@dataclass(frozen=True, slots=True)
class Rename:
    """RENAME"""

    mailbox: str
    new: str


@dataclass(frozen=True, slots=True)
class Subscribe:
    """SUBSCRIBE"""

    mailbox: str


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """UNSUBSCRIBE"""

    mailbox: str


class StatusItem(Enum):
    """The items of STATUS. The value is its name in commands and answers."""

    MESSAGES = b"MESSAGES"
    RECENT = b"RECENT"  # RFC 3501
    UIDNEXT = b"UIDNEXT"
    UIDVALIDITY = b"UIDVALIDITY"
    UNSEEN = b"UNSEEN"
    DELETED = b"DELETED"
    SIZE = b"SIZE"
    HIGHESTMODSEQ = b"HIGHESTMODSEQ"  # RFC 7162
    MAILBOXID = b"MAILBOXID"  # RFC 8474
    APPENDLIMIT = b"APPENDLIMIT"  # RFC 7889
    DELETED_STORAGE = b"DELETED-STORAGE"  # RFC 9208


@dataclass(frozen=True, slots=True)
class Status:
    """STATUS"""

    mailbox: str
    items: tuple[StatusItem, ...]


@dataclass(frozen=True, slots=True)
class List:
    """LIST (RFC 9051 §6.3.9). `extended` is False for the form of RFC 3501, in which the pattern ""
    asks for the delimiter. The `only_` fields select mailboxes, the `return_` fields say what each
    line has; `return_status` has a STATUS line sent after it."""

    reference: str
    patterns: tuple[str, ...]
    extended: bool = False
    only_subscribed: bool = False
    only_special_use: bool = False
    remote: bool = False
    recursive_match: bool = False
    return_subscribed: bool = False
    return_children: bool = False
    return_special_use: bool = False
    return_status: tuple[StatusItem, ...] = ()


@dataclass(frozen=True, slots=True)
class Lsub:
    """LSUB of RFC 3501"""

    reference: str
    pattern: str


@dataclass(frozen=True, slots=True)
class AppendMessage:
    """One message of APPEND, whose octets follow as a literal of `size`.

    `flags` are those that the client wrote. `date` is seconds since 1970, None for now. One with
    `utf8` may have UTF-8 in its header (RFC 6855 §4), a `binary` one may have NUL.
    """

    size: int
    flags: tuple[str, ...] = ()
    date: int | None = None
    utf8: bool = False
    binary: bool = False


@dataclass(frozen=True, slots=True)
class Append:
    """APPEND, with the messages that were announced so far (MULTIAPPEND, RFC 3502)."""

    mailbox: str
    messages: tuple[AppendMessage, ...]


@dataclass(frozen=True, slots=True)
class Close:
    """CLOSE"""


@dataclass(frozen=True, slots=True)
class Unselect:
    """UNSELECT"""


@dataclass(frozen=True, slots=True)
class Check:
    """CHECK of RFC 3501"""


@dataclass(frozen=True, slots=True)
class GetQuota:
    """GETQUOTA (RFC 9208)"""

    root: str


@dataclass(frozen=True, slots=True)
class GetQuotaRoot:
    """GETQUOTAROOT (RFC 9208)"""

    mailbox: str


@dataclass(frozen=True, slots=True)
class SetQuota:
    """SETQUOTA: limits by resource in capitals (RFC 9208)"""

    root: str
    limits: tuple[tuple[str, int], ...]


class Which(Enum):
    """Which mailboxes an event group of NOTIFY is about (RFC 5465 §6)."""

    SELECTED = "selected"
    SELECTED_DELAYED = "selected-delayed"
    INBOXES = "inboxes"
    PERSONAL = "personal"
    SUBSCRIBED = "subscribed"
    SUBTREE = "subtree"
    MAILBOXES = "mailboxes"


class NotifyEvent(Enum):
    """An event of NOTIFY (RFC 5465 §5)."""

    MESSAGE_NEW = "MessageNew"
    MESSAGE_EXPUNGE = "MessageExpunge"
    FLAG_CHANGE = "FlagChange"
    MAILBOX_NAME = "MailboxName"
    SUBSCRIPTION_CHANGE = "SubscriptionChange"


@dataclass(frozen=True, slots=True)
class EventGroup:
    """`mailboxes` are given for SUBTREE and MAILBOXES. No `events`: NONE. `items` are what FETCH
    answers have of new messages in the selected mailbox."""

    which: Which
    mailboxes: tuple[str, ...]
    events: frozenset[NotifyEvent]
    items: tuple[FetchItem, ...] = ()


@dataclass(frozen=True, slots=True)
class Notify:
    """NOTIFY. No `groups`: NONE. `status` asks for a STATUS line of each mailbox now."""

    groups: tuple[EventGroup, ...]
    status: bool = False


MailboxCommand = (
    Select
    | Create
    | Delete
    | Rename
    | Subscribe
    | Unsubscribe
    | Status
    | List
    | Lsub
    | Append
    | Close
    | Unselect
    | Check
    | GetQuota
    | GetQuotaRoot
    | SetQuota
    | Notify
)
