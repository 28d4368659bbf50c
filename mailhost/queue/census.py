"""Counts the entries of the running queue by their states, and finds the oldest of each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from mailhost.concurrency.pauses import Pause
from mailhost.queue.active import ActiveEntry, Phase

PART = 1000  # entries that are counted without a pause: less than a millisecond


class CountedState(StrEnum):
    """The states that are counted apart."""

    WAITING = "waiting"  # for its first attempt
    RUNNING = "running"  # an attempt is under way
    DEFERRED = "deferred"  # at least one attempt was made
    HELD = "held"  # by an operator
    QUARANTINED = "quarantined"  # by a filter
    PARKED = "parked"  # because of a fault of this host, or a file that cannot be read


@dataclass(frozen=True, slots=True)
class StateCount:
    """How many entries have a state, and when the oldest arrived, in seconds since the epoch; None
    where that is not known."""

    count: int
    oldest: float | None


Census: TypeAlias = dict[CountedState, StateCount]


async def census_of(entries: Iterable[ActiveEntry], broken: int, pause: Pause) -> Census:
    """Return the count of each state that there is. `broken` is the number of files that cannot be
    read."""
    found: Census = {CountedState.PARKED: StateCount(broken, None)} if broken else {}
    for number, active in enumerate(list(entries), 1):
        state, arrived = _state(active), active.entry.arrived
        known = found.get(state, StateCount(0, None))
        oldest = arrived if known.oldest is None else min(known.oldest, arrived)
        found[state] = StateCount(known.count + 1, oldest)
        if number % PART == 0:
            await pause()
    return found


def _state(active: ActiveEntry) -> CountedState:
    state = active.state
    if state.parked:
        return CountedState.PARKED
    if state.quarantine:
        return CountedState.QUARANTINED
    if state.held:
        return CountedState.HELD
    if active.phase is Phase.RUNNING:
        return CountedState.RUNNING
    return CountedState.DEFERRED if state.attempts else CountedState.WAITING
