"""Parts of one delivery at a time: a part that fails does not take the others' outcomes with it."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from twisted.internet.defer import Deferred, DeferredList

from mailhost.interfaces import Unfinished
from mailhost.message.outcome import Outcome


async def together(parts: Sequence[Awaitable[Sequence[Outcome]]]) -> list[Outcome]:
    """Run all parts to their end and return all outcomes. Raises Unfinished where a part raises."""
    if len(parts) == 1:  # most mail has one destination
        return await _alone(parts[0])
    works = [Deferred.fromCoroutine(_awaited(part)) for part in parts]
    outcomes: list[Outcome] = []
    bug: Exception | None = None
    for _, result in await DeferredList(works, consumeErrors=True):
        error = getattr(result, "value", None)
        if isinstance(error, Unfinished):
            outcomes += error.outcomes
            bug = bug or error.bug
        elif isinstance(error, Exception):
            bug = bug or error
        else:
            outcomes += result
    if bug is not None:
        raise Unfinished(bug, outcomes) from bug
    return outcomes


async def _alone(part: Awaitable[Sequence[Outcome]]) -> list[Outcome]:
    try:
        return list(await part)
    except Unfinished:
        raise
    except Exception as bug:
        raise Unfinished(bug, ()) from bug


async def _awaited(part: Awaitable[Sequence[Outcome]]) -> Sequence[Outcome]:
    return await part
