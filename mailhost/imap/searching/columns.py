"""Columns of summaries: one field of many messages, asked for in parts that do not take long."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from mailhost.imap.searching.progress import Progress
from mailhost.imap.searching.scope import Scope
from mailhost.interfaces.folders import StoreRefusal, SummaryField

FEWEST, MOST = 50, 1000  # messages that are asked for at once
SHORT, LONG = 0.02, 0.1  # seconds that one part should take


async def rows_of(
    scope: Scope, uids: Sequence[int], fields: Sequence[SummaryField], progress: Progress
) -> AsyncIterator[Mapping[int, Sequence[Any]] | StoreRefusal]:
    """Yield fields of the summaries of messages by UID. Those without a summary are read for it,
    which takes long: parts are as large as their time allows."""
    done, size = 0, FEWEST
    while done < len(uids):
        begun = progress.seconds()
        rows = await scope.folder.summaries(uids[done : done + size], fields)
        yield rows
        if isinstance(rows, StoreRefusal):
            return
        took = progress.seconds() - begun
        done += size
        await progress.looked_at(done)
        if took < SHORT:
            size = min(size * 2, MOST)
        elif took > LONG:
            size = max(size // 2, FEWEST)


async def column_of(
    scope: Scope, uids: Sequence[int], field: SummaryField, progress: Progress
) -> dict[int, Any] | StoreRefusal:
    """Return one field of the summaries of messages by UID; those that are gone are left out."""
    column: dict[int, Any] = {}
    async for rows in rows_of(scope, uids, (field,), progress):
        if isinstance(rows, StoreRefusal):
            return rows
        column.update((uid, row[0]) for uid, row in rows.items())
    return column
