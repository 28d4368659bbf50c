"""The keys of SEARCH, SORT and THREAD, as values. Texts are Unicode, whatever the charset was."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import Enum

from mailhost.imap.grammar.sequence_set import SequenceSet


class When(Enum):
    """How a message's day lies to the day of a key. Times and zones are left out of account."""

    BEFORE = "BEFORE"
    ON = "ON"
    SINCE = "SINCE"  # on it or later


class DateOf(Enum):
    """Which date of a message."""

    ARRIVED = "INTERNALDATE"
    SENT = "Date field"
    SAVED = "SAVEDATE"  # RFC 8514


@dataclass(frozen=True, slots=True)
class All:
    """Every message."""


@dataclass(frozen=True, slots=True)
class HasFlag:
    """Messages with a flag or keyword. RECENT, NEW and OLD have the flag `\\Recent`."""

    flag: str


@dataclass(frozen=True, slots=True)
class HasField:
    """Messages with a header field `name` that has `text` in it; "" for any value."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class HasText:
    """Messages with `text` in their body, or with `headers` in either."""

    text: str
    headers: bool


@dataclass(frozen=True, slots=True)
class Dated:
    """Messages by day."""

    of: DateOf
    when: When
    day: date


@dataclass(frozen=True, slots=True)
class SaveDateSupported:
    """Every message, if the mailbox has SAVEDATE, else none (RFC 8514 §4.3)."""


@dataclass(frozen=True, slots=True)
class Larger:
    """Messages of more than `size` octets."""

    size: int


@dataclass(frozen=True, slots=True)
class Smaller:
    """Messages of fewer than `size` octets."""

    size: int


@dataclass(frozen=True, slots=True)
class Older:
    """Messages that arrived `seconds` ago or earlier (RFC 5032)."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Younger:
    """Messages that arrived in the last `seconds` (RFC 5032)."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Numbered:
    """Messages by number, or the result of the last search."""

    set: SequenceSet


@dataclass(frozen=True, slots=True)
class WithUid:
    """Messages by UID."""

    set: SequenceSet


@dataclass(frozen=True, slots=True)
class ChangedFrom:
    """Messages with this MODSEQ or a higher one. The flag of RFC 7162 §3.1.5 makes no difference
    where a message has one MODSEQ for all its flags."""

    modseq: int


@dataclass(frozen=True, slots=True)
class HasEmailId:
    """Messages with this EMAILID (RFC 8474)."""

    id: str


@dataclass(frozen=True, slots=True)
class HasThreadId:
    """Messages with this THREADID (RFC 8474)."""

    id: str


@dataclass(frozen=True, slots=True)
class Not:
    """Messages that the key does not match."""

    key: SearchKey


@dataclass(frozen=True, slots=True)
class Or:
    """Messages that one of two keys matches."""

    left: SearchKey
    right: SearchKey


@dataclass(frozen=True, slots=True)
class And:
    """Messages that all keys match."""

    keys: tuple[SearchKey, ...]


SearchKey = (
    All
    | HasFlag
    | HasField
    | HasText
    | Dated
    | SaveDateSupported
    | Larger
    | Smaller
    | Older
    | Younger
    | Numbered
    | WithUid
    | ChangedFrom
    | HasEmailId
    | HasThreadId
    | Not
    | Or
    | And
)
