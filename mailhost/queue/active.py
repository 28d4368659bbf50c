"""An entry of the running queue: what is known of it, and the phase that it is in.

All changes of the phase are in TRANSITIONS. Only `runner`, `attempt_runner` and `table`
change an active entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType

from twisted.internet.defer import DeferredLock

from mailhost.interfaces.queue import Lanes
from mailhost.queue.entry import Entry, EntryState


class Phase(StrEnum):
    """The work of the queue on an entry now."""

    WAITING = "waiting"  # until the next attempt is due; if it is stopped, until it is released
    READY = "ready"  # an attempt is due, and begins when the entry's destination has a place
    RUNNING = "running"  # an attempt is under way
    GONE = "gone"  # settled or removed: nothing more is done for it or written


TRANSITIONS: Mapping[Phase, frozenset[Phase]] = MappingProxyType(
    {
        Phase.WAITING: frozenset({Phase.READY, Phase.GONE}),
        Phase.READY: frozenset({Phase.RUNNING, Phase.WAITING, Phase.GONE}),
        Phase.RUNNING: frozenset({Phase.WAITING, Phase.GONE}),
        Phase.GONE: frozenset(),
    }
)


NO_LANES = Lanes((), "")


@dataclass(slots=True)
class ActiveEntry:
    """An entry of the running queue. Its file may lag behind `state` while a write is under way.

    `since` is the steady clock's time up to which `state.waited` counts. `wait` is the number of
    seconds from the end of an attempt to the next one. `lanes` are those of an
    attempt that is due. `lock` is held while its files are changed.
    """

    entry: Entry
    state: EntryState
    since: float
    wait: float = 0.0
    has_state: bool = False
    phase: Phase = Phase.WAITING
    lanes: Lanes = NO_LANES
    lock: DeferredLock = field(default_factory=DeferredLock)

    def move(self, phase: Phase) -> None:
        """Enter another phase. Raises ValueError for a change that is not in TRANSITIONS."""
        if phase not in TRANSITIONS[self.phase]:
            raise ValueError(f"{self.entry.id} cannot go from {self.phase} to {phase}")
        self.phase = phase

    def count(self, now: float) -> None:
        """Bring `state.waited` up to `now`, by the steady clock. Time on hold does not count."""
        if not self.state.stopped:
            self.state = replace(self.state, waited=self.state.waited + now - self.since)
        self.since = now
