"""The keys of SEARCH, SORT and THREAD, as values. Texts are Unicode, whatever the charset was.

Keys about texts are those of the store.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import Enum

from mailhost.imap.grammar.sequence_set import SequenceSet
from mailhost.message.imap.content_keys import FieldContains, TextContains, When


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
    | FieldContains
    | TextContains
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


def parts_of(key: SearchKey) -> Iterator[SearchKey]:
    """Yield the keys in a key that are no NOT, OR or AND."""
    match key:
        case Not(inside):
            yield from parts_of(inside)
        case Or(left, right):
            yield from parts_of(left)
            yield from parts_of(right)
        case And(keys):
            for each in keys:
                yield from parts_of(each)
        case _:
            yield key
