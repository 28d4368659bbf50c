"""Parts of one delivery at a time: a part that fails does not take the others' outcomes with it.

Of many parts a bounded number is under way, and others have a turn between them: a message for ten
thousand domains holds nobody up.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from twisted.internet.defer import CancelledError, Deferred, DeferredList

from mailhost.concurrency.pauses import Pause, no_pause
from mailhost.interfaces.queue import Unfinished
from mailhost.message.outcome import Outcome

AT_ONCE = 100
PART = 20  # that are begun with in a row

_Part: TypeAlias = Callable[[], Awaitable[Sequence[Outcome]]]


@dataclass(slots=True)
class _Found:
    outcomes: list[Outcome] = field(default_factory=list)
    bug: Exception | None = None
    cancelled: bool = False

    def take_bug(self, bug: Exception) -> None:
        self.bug = self.bug or bug
        self.cancelled |= isinstance(bug, CancelledError)


async def together(parts: Sequence[_Part], pause: Pause = no_pause) -> list[Outcome]:
    """Run all parts to their end and return all outcomes. Raises Unfinished where a part raises, or
    where it is cancelled; no further part begins then.

    `pause` lets others have a turn where there are many.
    """
    found = _Found()
    if len(parts) == 1:  # most mail has one destination
        await _run(parts[0], found)
    else:
        ahead = iter(parts)
        count, pause = min(len(parts), AT_ONCE), pause if len(parts) > PART else no_pause
        works = [_run_some(ahead, number, found, pause) for number in range(count)]
        await DeferredList(list(map(Deferred.fromCoroutine, works)))
    if found.bug is not None:
        raise Unfinished(found.bug, found.outcomes) from found.bug
    return found.outcomes


async def _run_some(ahead: Iterator[_Part], number: int, found: _Found, pause: Pause) -> None:
    """Run parts that nobody else runs, one after the other."""
    try:
        for _ in range(number // PART):
            await pause()
        for part in ahead:
            await _run(part, found)
            if found.cancelled:
                return
            await pause()
    except CancelledError as cancelled:
        found.take_bug(cancelled)


async def _run(part: _Part, found: _Found) -> None:
    try:
        found.outcomes += await part()
    except Unfinished as unfinished:
        found.outcomes += unfinished.outcomes
        found.take_bug(unfinished.bug)
    except Exception as bug:  # noqa: BLE001 - raised once all parts are over
        found.take_bug(bug)
