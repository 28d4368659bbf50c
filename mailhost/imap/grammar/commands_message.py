"""Commands about the messages of the selected mailbox. With `uid` their sets are UIDs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from mailhost.imap.grammar.fetch_items import FetchItem
from mailhost.imap.grammar.search_keys import SearchKey
from mailhost.imap.grammar.sequence_set import SequenceSet
from mailhost.message.flags import FlagAction


@dataclass(frozen=True, slots=True)
class Fetch:
    """FETCH. `items` are what each answer has, in this order: UID comes first in UID FETCH, and
    CHANGEDSINCE adds MODSEQ. `vanished` asks for VANISHED (EARLIER) (RFC 7162)."""

    uid: bool
    set: SequenceSet
    items: tuple[FetchItem, ...]
    changed_since: int | None = None
    vanished: bool = False


@dataclass(frozen=True, slots=True)
class Store:
    """STORE. `unchanged_since` may be 0 (RFC 7162 §3.1.3)."""

    uid: bool
    set: SequenceSet
    action: FlagAction
    flags: tuple[str, ...]
    silent: bool = False
    unchanged_since: int | None = None


@dataclass(frozen=True, slots=True)
class Copy:
    """COPY"""

    uid: bool
    set: SequenceSet
    mailbox: str


@dataclass(frozen=True, slots=True)
class Move:
    """MOVE"""

    uid: bool
    set: SequenceSet
    mailbox: str


@dataclass(frozen=True, slots=True)
class Expunge:
    """EXPUNGE; with `uids` UID EXPUNGE."""

    uids: SequenceSet | None = None


class SearchReturn(Enum):
    """The results that ESEARCH can return."""

    MIN = "MIN"
    MAX = "MAX"
    ALL = "ALL"
    COUNT = "COUNT"
    SAVE = "SAVE"


@dataclass(frozen=True, slots=True)
class Search:
    """SEARCH. `returns` is None without RETURN; RETURN () is ALL."""

    uid: bool
    key: SearchKey
    returns: frozenset[SearchReturn] | None = None


class SortBy(Enum):
    """A criterion of SORT (RFC 5256, RFC 5957)."""

    ARRIVAL = "ARRIVAL"
    CC = "CC"
    DATE = "DATE"
    FROM = "FROM"
    SIZE = "SIZE"
    SUBJECT = "SUBJECT"
    TO = "TO"


@dataclass(frozen=True, slots=True)
class SortCriterion:
    """One criterion, falling if `reverse`."""

    by: SortBy
    reverse: bool = False


@dataclass(frozen=True, slots=True)
class Sort:
    """SORT"""

    uid: bool
    criteria: tuple[SortCriterion, ...]
    key: SearchKey


class Threading(Enum):
    """An algorithm of THREAD (RFC 5256)."""

    ORDEREDSUBJECT = "ORDEREDSUBJECT"
    REFERENCES = "REFERENCES"


@dataclass(frozen=True, slots=True)
class Thread:
    """THREAD"""

    uid: bool
    algorithm: Threading
    key: SearchKey


MessageCommand = Fetch | Store | Copy | Move | Expunge | Search | Sort | Thread
