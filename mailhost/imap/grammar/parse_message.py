"""Reads the commands of `commands_message`. A reader begins behind the name of its command, and is
told whether it is a UID command."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from mailhost.imap.grammar.commands_message import (
    Copy,
    Expunge,
    Fetch,
    Move,
    Search,
    SearchReturn,
    Sort,
    SortBy,
    SortCriterion,
    Store,
    Thread,
    Threading,
)
from mailhost.imap.grammar.cursor import BadSyntax, Cursor
from mailhost.imap.grammar.fetch_att import read_items
from mailhost.imap.grammar.fetch_items import Attribute, FetchItem
from mailhost.imap.grammar.names import read_flag, read_flags, read_mailbox
from mailhost.imap.grammar.search import SearchReader, read_charset, read_search
from mailhost.imap.grammar.search_keys import SearchKey
from mailhost.imap.grammar.sequence_set import SequenceSet, read_set
from mailhost.message.flags import FlagAction

T = TypeVar("T")

# store-att-flags = (["+" / "-"] "FLAGS" [".SILENT"]) SP (flag-list / (flag *(SP flag)))
_STORE = re.compile(rb"([+-]?)FLAGS(\.SILENT)? ", re.IGNORECASE)
_ACTIONS = {b"": FlagAction.REPLACE, b"+": FlagAction.ADD, b"-": FlagAction.REMOVE}
_SORT_BY = {by.value.encode(): by for by in SortBy}
_THREADING = {algorithm.value.encode(): algorithm for algorithm in Threading}
_RETURNS = {option.value.encode(): option for option in SearchReturn}


def _set(cursor: Cursor) -> SequenceSet:
    """SP sequence-set SP"""
    cursor.space()
    found = read_set(cursor)
    cursor.space()
    return found


def fetch(cursor: Cursor, uid: bool) -> Fetch:
    """ "FETCH" SP sequence-set SP (...) [SP "(" fetch-modifier *(SP fetch-modifier) ")"]"""
    messages = _set(cursor)
    items = read_items(cursor)
    modifiers = dict(cursor.listed(_fetch_modifier)) if cursor.take(b" ") else {}
    since = modifiers.get(b"CHANGEDSINCE")
    vanished = b"VANISHED" in modifiers
    if vanished and not (uid and since is not None):
        raise BadSyntax("VANISHED needs UID FETCH and CHANGEDSINCE")  # RFC 7162 §3.2.6
    items = _with_implied(items, uid, since is not None)
    return Fetch(uid, messages, items, since, vanished)


def _with_implied(items: tuple[FetchItem, ...], uid: bool, changes: bool) -> tuple[FetchItem, ...]:
    """UID FETCH answers with the UID, CHANGEDSINCE with the MODSEQ (RFC 7162 §3.1.4.1)."""
    if uid and Attribute.UID not in items:
        items = (Attribute.UID, *items)
    if changes and Attribute.MODSEQ not in items:
        items = (*items, Attribute.MODSEQ)
    return items


def _fetch_modifier(cursor: Cursor) -> tuple[bytes, int]:
    """ "CHANGEDSINCE" SP mod-sequence-value / "VANISHED" (RFC 7162 §7)"""
    if cursor.take_word(b"VANISHED"):
        return b"VANISHED", 1
    if not cursor.take_word(b"CHANGEDSINCE"):
        raise cursor.expected("CHANGEDSINCE or VANISHED")
    cursor.space()
    return b"CHANGEDSINCE", cursor.number64("a MODSEQ")


def store(cursor: Cursor, uid: bool) -> Store:
    """ "STORE" SP sequence-set [SP store-modifiers] SP store-att-flags"""
    messages = _set(cursor)
    since = None
    if cursor.next_is(b"("):
        (since,) = cursor.listed(_unchanged_since)[:1]
        cursor.space()
    found = cursor.match(_STORE)
    if not found:
        raise cursor.expected("FLAGS, +FLAGS or -FLAGS")
    if cursor.next_is(b"("):
        flags = read_flags(cursor)
    else:
        flags = tuple(dict.fromkeys(cursor.spaced(read_flag)))
    return Store(uid, messages, _ACTIONS[found[1]], flags, bool(found[2]), since)


def _unchanged_since(cursor: Cursor) -> int:
    """store-modifiers = "(" "UNCHANGEDSINCE" SP mod-sequence-valzer ")" """
    if not cursor.take_word(b"UNCHANGEDSINCE"):
        raise cursor.expected("UNCHANGEDSINCE")
    cursor.space()
    return cursor.number64("a MODSEQ")


def copy(cursor: Cursor, uid: bool) -> Copy:
    """ "COPY" SP sequence-set SP mailbox"""
    return Copy(uid, _set(cursor), read_mailbox(cursor))


def move(cursor: Cursor, uid: bool) -> Move:
    """ "MOVE" SP sequence-set SP mailbox"""
    return Move(uid, _set(cursor), read_mailbox(cursor))


def expunge(cursor: Cursor, uid: bool) -> Expunge:
    """ "EXPUNGE" / "UID" SP "EXPUNGE" SP sequence-set"""
    if not uid:
        return Expunge()
    cursor.space()
    return Expunge(read_set(cursor))


def search(cursor: Cursor, uid: bool) -> Search:
    """ "SEARCH" [SP "RETURN" SP "(" [search-return-opt ...] ")"] SP search-program"""
    cursor.space()
    returns = None
    if cursor.take_word(b"RETURN"):
        cursor.space()
        asked = cursor.listed_or_empty(_search_return)
        returns = frozenset(asked or (SearchReturn.ALL,))
        cursor.space()
    return Search(uid, read_search(cursor), returns)


def _search_return(cursor: Cursor) -> SearchReturn:
    return cursor.choice(_RETURNS, "a return option of SEARCH")


def sort(cursor: Cursor, uid: bool) -> Sort:
    """ "SORT" SP "(" sort-criterion *(SP sort-criterion) ")" SP search-criteria (RFC 5256 §5)"""
    cursor.space()
    criteria = cursor.listed(_criterion)
    cursor.space()
    return Sort(uid, criteria, _search_criteria(cursor))


def _criterion(cursor: Cursor) -> SortCriterion:
    """sort-criterion = ["REVERSE" SP] sort-key"""
    reverse = cursor.take_word(b"REVERSE")
    if reverse:
        cursor.space()
    return SortCriterion(cursor.choice(_SORT_BY, "a sort criterion"), reverse)


def thread(cursor: Cursor, uid: bool) -> Thread:
    """ "THREAD" SP thread-alg SP search-criteria (RFC 5256 §5)"""
    cursor.space()
    algorithm = cursor.choice(_THREADING, "ORDEREDSUBJECT or REFERENCES")
    cursor.space()
    return Thread(uid, algorithm, _search_criteria(cursor))


def _search_criteria(cursor: Cursor) -> SearchKey:
    """search-criteria = charset 1*(SP search-key)"""
    codec = read_charset(cursor)
    cursor.space()
    return SearchReader(cursor, codec).program()


def by_number(read: Callable[[Cursor, bool], T]) -> Callable[[Cursor], T]:
    """Return the reader of a command that names messages by number."""
    return lambda cursor: read(cursor, False)


def by_uid(read: Callable[[Cursor, bool], T]) -> Callable[[Cursor], T]:
    """Return the reader of the UID form of a command."""
    return lambda cursor: read(cursor, True)
