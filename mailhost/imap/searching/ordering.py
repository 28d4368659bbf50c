"""SORT: the order of messages by the criteria of a command (RFC 5256 §3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from mailhost.imap.context import Context
from mailhost.imap.grammar.commands_message import SortBy, SortCriterion
from mailhost.imap.searching.columns import rows_of
from mailhost.imap.searching.evaluation import SearchRefused
from mailhost.imap.searching.progress import Progress
from mailhost.imap.searching.scope import Scope
from mailhost.interfaces.folders import StoreRefusal, SummaryField

_FIELDS = {
    SortBy.CC: SummaryField.SORT_CC,
    SortBy.DATE: SummaryField.SENT,
    SortBy.FROM: SummaryField.SORT_FROM,
    SortBy.SUBJECT: SummaryField.BASE_SUBJECT,
    SortBy.TO: SummaryField.SORT_TO,
}
Columns = Mapping[SortBy, Sequence[Any]]


async def ordered(
    context: Context,
    scope: Scope,
    places: Sequence[int],
    criteria: Sequence[SortCriterion],
    progress: Progress,
) -> list[int]:
    """Return places of the scope, given as they rise, in the order of the criteria. Messages that
    vanish meanwhile are left out. Raises SearchRefused, ConnectionLost."""
    places, columns = await _columns(scope, places, criteria, progress)
    return await context.in_thread(partial(_sorted, places, columns, criteria))


async def _columns(
    scope: Scope,
    places: Sequence[int],
    criteria: Sequence[SortCriterion],
    progress: Progress,
) -> tuple[Sequence[int], Columns]:
    """The places that still have messages, and the values of each criterion in their order."""
    view = scope.view
    wanted = {
        criterion.by: _FIELDS[criterion.by] for criterion in criteria if criterion.by in _FIELDS
    }
    columns: dict[SortBy, list[Any]] = {by: [] for by in wanted}
    if wanted:
        kept: list[int] = []
        uids = [view.uids[place] for place in places]
        async for rows in rows_of(scope, uids, tuple(wanted.values()), progress):
            if isinstance(rows, StoreRefusal):
                raise SearchRefused(rows)
            there = [
                place for place in (view.index_of(uid) for uid in sorted(rows)) if place is not None
            ]
            kept += there
            for number, column in enumerate(columns.values()):
                column += [rows[view.uids[place]][number] for place in there]
        places = kept
    if SortBy.DATE in columns:
        pairs = zip(columns[SortBy.DATE], places, strict=True)
        columns[SortBy.DATE] = [view.dates[at] if sent is None else sent for sent, at in pairs]
    columns[SortBy.ARRIVAL] = [view.dates[place] for place in places]
    columns[SortBy.SIZE] = [view.sizes[place] for place in places]
    return places, columns


def _sorted(
    places: Sequence[int], columns: Columns, criteria: Sequence[SortCriterion]
) -> list[int]:
    """The last criterion is sorted by first, so that the others keep its order where they are
    equal; at the end the order is that of the numbers."""
    order = list(range(len(places)))
    for criterion in reversed(criteria):
        order.sort(key=columns[criterion.by].__getitem__, reverse=criterion.reverse)
    return [places[at] for at in order]
