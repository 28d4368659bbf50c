"""When an entry is tried next, when its sender is warned, and when it is given up.

Files have times of the wall clock, which may jump. So a time from a file is limited to what is
possible: no entry waits longer than the back-off allows. While the program runs, waits
and ages are counted by a steady clock alone.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from mailhost.config.model import Queue

JITTER = 0.1  # a wait is up to so much shorter or longer, so that what failed together parts
LONGEST_SLEEP = 60.0  # seconds of one timer: a jump of its clock delays an entry no longer


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long an entry waits. `chance` returns numbers from 0 up to 1."""

    settings: Queue
    chance: Callable[[], float] = random.random

    def longest_wait(self, attempts: int) -> float:
        """Return the longest wait in seconds after this number of attempts."""
        return self._plain(attempts) * (1 + JITTER)

    def wait(self, attempts: int) -> float:
        """Return the seconds until the next attempt, after this number of attempts."""
        if attempts == 0:
            return 0.0
        return self._plain(attempts) * (1 - JITTER + 2 * JITTER * self.chance())

    def _plain(self, attempts: int) -> float:
        doubled = self.settings.first_retry * 2.0 ** min(max(attempts - 1, 0), 40)
        return min(doubled, max(self.settings.longest_retry, self.settings.first_retry))

    def left(self, due: float, now: float, attempts: int) -> float:
        """Seconds until an entry read from its file is due, by the wall clock but within reason.

        A clock that went back makes no entry wait longer than the back-off. Entries that
        are overdue by more than the longest wait (a clock that went forward, a host that was down)
        are spread over the first wait, so that they do not come all at once.
        """
        if attempts == 0:
            return 0.0
        left = min(due - now, self.longest_wait(attempts))
        if left < -self.settings.longest_retry:
            return self.settings.first_retry * self.chance()
        return max(left, 0.0)

    def waited(self, waited: float, saved: float, now: float) -> float:
        """Seconds an entry read from its file has waited in all.

        The time since it was saved counts for one longest wait at most: a clock that jumps does
        not make mail expire.
        """
        return waited + min(max(now - saved, 0.0), self.settings.longest_retry)


@dataclass(slots=True)
class Agenda:
    """Ids by the time they are due. A later `put` for the same id replaces the earlier."""

    _heap: list[tuple[float, int, str]] = field(default_factory=list)
    _due: dict[str, tuple[float, int]] = field(default_factory=dict)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def put(self, id: str, due: float) -> None:
        """Note when `id` is due."""
        key = (due, next(self._numbers))
        self._due[id] = key
        heapq.heappush(self._heap, (*key, id))

    def drop(self, id: str) -> None:
        """Forget `id`."""
        self._due.pop(id, None)

    def due(self, id: str) -> float | None:
        """When `id` is due, None where it is not noted."""
        key = self._due.get(id)
        return key and key[0]

    def first(self) -> float | None:
        """When the first is due."""
        while self._heap and self._due.get(self._heap[0][2]) != self._heap[0][:2]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def take(self, now: float) -> list[str]:
        """Return and forget all that is due by now, in order."""
        ids: list[str] = []
        while (first := self.first()) is not None and first <= now:
            id = heapq.heappop(self._heap)[2]
            del self._due[id]
            ids.append(id)
        return ids


class Timetable:
    """Calls `due` with the ids whose wait is over. `steady` measures waits, `clock` sets timers."""

    def __init__(
        self,
        clock: IReactorTime,
        steady: Callable[[], float],
        due: Callable[[list[str]], None],
    ) -> None:
        self._clock = clock
        self._steady = steady
        self._due = due
        self._agenda = Agenda()
        self._timer: IDelayedCall | None = None
        self._working = False

    def start(self) -> None:
        """Begin to call `due`, for what is due already before this returns."""
        self._working = True
        self._wake()

    def stop(self) -> None:
        """Call `due` no more."""
        self._working = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def put(self, id: str, wait: float) -> None:
        """Have `id` due in `wait` seconds, instead of when it was."""
        self._agenda.put(id, self._steady() + wait)
        self._set_timer()

    def drop(self, id: str) -> None:
        """Forget `id`."""
        self._agenda.drop(id)

    def left(self, id: str) -> float:
        """Return the seconds until `id` is due, 0 where it is not noted."""
        due = self._agenda.due(id)
        return 0.0 if due is None else max(due - self._steady(), 0.0)

    def _set_timer(self) -> None:
        first = self._agenda.first()
        if first is None or not self._working:
            return
        sleep = min(max(first - self._steady(), 0.0), LONGEST_SLEEP)
        if self._timer is not None:
            if self._timer.getTime() <= self._clock.seconds() + sleep:
                return
            self._timer.cancel()
        self._timer = self._clock.callLater(sleep, self._wake)

    def _wake(self) -> None:
        self._timer = None
        self._due(self._agenda.take(self._steady()))
        self._set_timer()
