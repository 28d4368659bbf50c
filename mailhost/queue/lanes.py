"""Carries the lanes of one attempt. A lane that fails does not take the others' outcomes with it.

At most AT_ONCE lanes are under way, and the reactor serves others between them: a message for ten
thousand domains blocks nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from twisted.internet.defer import CancelledError, Deferred, DeferredList

from mailhost.concurrency.pauses import Pause, no_pause
from mailhost.interfaces.queue import Carried, Lane
from mailhost.message.outcome import Outcome

LANES_AT_ONCE = 100
LANES_WITHOUT_PAUSE = 20  # lanes that are begun without a pause

Carry: TypeAlias = Callable[[Lane], Awaitable[Carried]]


@dataclass(slots=True)
class _Progress:
    """The outcomes known so far, and the first bug."""

    carry: Carry
    outcomes: list[Outcome] = field(default_factory=list)
    bug: Exception | None = None
    cancelled: bool = False

    async def carry_one(self, lane: Lane) -> None:
        """Carry a lane to its end."""
        try:
            carried = await self.carry(lane)
        except Exception as bug:  # noqa: BLE001 - returned once all lanes have ended
            self.note(bug)
            return
        self.outcomes += carried.outcomes
        if carried.bug is not None:
            self.note(carried.bug)

    async def carry_some(self, ahead: Iterator[Lane], number: int, pause: Pause) -> None:
        """Carry lanes that no other call of this carries, one after the other."""
        try:
            for _ in range(number // LANES_WITHOUT_PAUSE):
                await pause()
            for lane in ahead:
                await self.carry_one(lane)
                if self.cancelled:
                    return
                await pause()
        except CancelledError as cancelled:
            self.note(cancelled)

    def note(self, bug: Exception) -> None:
        """Keep the first bug. No further lane begins after a cancellation."""
        self.bug = self.bug or bug
        self.cancelled |= isinstance(bug, CancelledError)


async def carry_lanes(lanes: Sequence[Lane], carry: Carry, pause: Pause = no_pause) -> Carried:
    """Carry all lanes to their end, and return all outcomes with the first bug. Does not raise.

    Where it is cancelled, no further lane begins, and `bug` is CancelledError. `pause` is awaited
    between the lanes where there are many.
    """
    progress = _Progress(carry)
    if len(lanes) == 1:  # most mail has one next hop
        await progress.carry_one(lanes[0])
    else:
        ahead = iter(lanes)
        count = min(len(lanes), LANES_AT_ONCE)
        pause = pause if len(lanes) > LANES_WITHOUT_PAUSE else no_pause
        works = [progress.carry_some(ahead, number, pause) for number in range(count)]
        await DeferredList(list(map(Deferred.fromCoroutine, works)))
    return Carried(progress.outcomes, progress.bug)
