"""SEARCH and UID SEARCH (RFC 9051 §6.4.4, RFC 4731, RFC 5182, RFC 7162 §3.1.5)."""

from __future__ import annotations

from collections.abc import Sequence

from mailhost.imap.completion import Completion, ok, refused
from mailhost.imap.context import Context
from mailhost.imap.grammar.commands_message import Search, SearchReturn, Sort, Thread
from mailhost.imap.grammar.numbers import write_set
from mailhost.imap.grammar.response_message import SearchResult, esearch, search_line
from mailhost.imap.grammar.search_keys import ChangedFrom, SearchKey, parts_of
from mailhost.imap.searching.by_view import needs_dates, needs_sizes
from mailhost.imap.searching.evaluation import Evaluation, SearchRefused
from mailhost.imap.searching.masks import picked
from mailhost.imap.searching.progress import Progress
from mailhost.imap.searching.scope import Scope, scope_of
from mailhost.interfaces.folders import StoreRefusal

_ALL = frozenset((SearchReturn.ALL,))


async def search(context: Context, command: Search) -> Completion:
    """SEARCH. In IMAP4rev2 it is always answered by ESEARCH."""
    selected = context.selected
    assert selected is not None
    returns = command.returns
    if returns is None and context.mode.rev2:
        returns = _ALL
    try:
        scope, places = await found(context, command)
    except SearchRefused as refusal:
        if returns is not None and SearchReturn.SAVE in returns:
            selected.saved = ()  # RFC 5182 §2.1
        return refused(refusal.refusal)
    modseqs = has_modseq(command.key)
    if returns is None:
        modseq = _highest(scope, places) if modseqs else None
        context.wire.write(search_line(shown(scope, places, command.uid), modseq))
        return ok("Searched")
    if SearchReturn.SAVE in returns:
        uids = scope.view.uids
        selected.saved = [uids[place] for place in _saved(places, returns)]
    if returns != {SearchReturn.SAVE}:
        result = _result(scope, places, returns, command.uid, modseqs)
        context.wire.write(esearch(context.tag, command.uid, result))
    return ok("Searched")


async def found(
    context: Context, command: Search | Sort | Thread, sizes: bool = False, dates: bool = False
) -> tuple[Scope, list[int]]:
    """Return what a command searches in, with sizes or dates if the command needs them beside its
    key, and the places of what it finds. Raises SearchRefused, ConnectionLost."""
    selected = context.selected
    assert selected is not None
    key = command.key
    if has_modseq(key):
        context.condstore = True
    scope = await scope_of(
        selected, context.now(), sizes or needs_sizes(key), dates or needs_dates(key)
    )
    if isinstance(scope, StoreRefusal):
        raise SearchRefused(scope)
    progress = Progress(context, scope.count)
    mask = await Evaluation(scope, progress).matching(key)
    return scope, picked(range(scope.count), mask, scope.count)


def has_modseq(key: SearchKey) -> bool:
    """True where MODSEQ is a part of the key, so that the answer has one too."""
    return any(isinstance(part, ChangedFrom) for part in parts_of(key))


def shown(scope: Scope, places: Sequence[int], by_uid: bool) -> Sequence[int]:
    """Return the numbers or UIDs of messages."""
    numbers = scope.view.uids if by_uid else scope.numbers
    return [numbers[place] for place in places]


def _highest(scope: Scope, places: Sequence[int]) -> int | None:
    """The highest MODSEQ of messages, None for no message."""
    return max((scope.view.modseqs[place] for place in places), default=None)


def _saved(places: Sequence[int], returns: frozenset[SearchReturn]) -> Sequence[int]:
    """The result that SAVE keeps: with MIN or MAX alone those, otherwise all (RFC 5182 §2.1)."""
    if SearchReturn.ALL in returns or SearchReturn.COUNT in returns:
        return places
    return _ends(places, returns) or places


def _ends(places: Sequence[int], returns: frozenset[SearchReturn]) -> Sequence[int]:
    """The first and the last message, where they are asked for."""
    if not places:
        return ()
    first = [places[0]] if SearchReturn.MIN in returns else []
    last = [places[-1]] if SearchReturn.MAX in returns else []
    return first + last if first != last else first


def _result(
    scope: Scope,
    places: Sequence[int],
    returns: frozenset[SearchReturn],
    by_uid: bool,
    modseqs: bool,
) -> SearchResult:
    numbers = shown(scope, places, by_uid)
    every = SearchReturn.ALL in returns or SearchReturn.COUNT in returns
    of = places if every else _ends(places, returns)  # RFC 4731 §3.2
    return SearchResult(
        least=numbers[0] if numbers and SearchReturn.MIN in returns else None,
        most=numbers[-1] if numbers and SearchReturn.MAX in returns else None,
        all=write_set(numbers) if SearchReturn.ALL in returns else None,
        count=len(numbers) if SearchReturn.COUNT in returns else None,
        modseq=_highest(scope, of) if modseqs else None,
    )
