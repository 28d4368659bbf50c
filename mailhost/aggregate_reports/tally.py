"""Counts events for the reports to other domains.

A process remembers the events, and from time to time and at its end counts them in a thread and
adds the counts to a database: a process that is killed loses those of the last PERIOD.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from zope.interface import implementer

from mailhost.aggregate_reports.report import DAY
from mailhost.concurrency.rounds import Rounds
from mailhost.concurrency.threads import InThread
from mailhost.interfaces.events import Event, Faulted, IEventSink

PERIOD = 60.0  # seconds between two writings
MOST_AT_ONCE = 2_000  # events after which counts are written early
MOST_WAITING = 20_000  # events in memory, while the database cannot be used

Counted = TypeVar("Counted", bound=Event)
Write = Callable[[Sequence[tuple[int, Counted]]], None]


@implementer(IEventSink)
class Tally(Generic[Counted]):
    """Counts the events of the class `kind`. Counts nothing until `reconfigure`. `where` names the
    tally in the log, `wall` gives seconds since 1970."""

    def __init__(
        self,
        clock: IReactorTime,
        in_thread: InThread,
        kind: type[Counted],
        events: IEventSink,
        where: str,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._in_thread = in_thread
        self._kind = kind
        self._events = events
        self._where = where
        self._wall = wall
        self._waiting: list[tuple[int, Counted]] = []  # each with its day
        self._write: Write[Counted] | None = None
        self._rounds = Rounds(clock, PERIOD, self._flush, self._failed)

    def reconfigure(self, write: Write[Counted] | None) -> None:
        """Count from now on by `write`, or no more for None. `write` gets events, each with the
        number of its day since 1970 (UTC), and adds their counts to a database. It blocks, and is
        called in threads."""
        self._write = write

    def start(self) -> None:
        """Write from time to time."""
        self._rounds.start(now=False)

    def emit(self, event: Event) -> None:
        """See IEventSink."""
        if type(event) is self._kind and self._write is not None:
            self._add(event)

    def _add(self, event: Counted) -> None:
        if len(self._waiting) < MOST_WAITING:
            self._waiting.append((int(self._wall()) // DAY, event))
            if len(self._waiting) == MOST_AT_ONCE:
                self.flush()

    def flush(self) -> Deferred[None]:
        """Write what is not written yet. After a failure, which is logged, the events wait."""
        return Deferred.fromCoroutine(self._flush())

    async def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        if not waiting or self._write is None:
            return
        try:
            await self._in_thread(partial(self._write, waiting))
        except Exception:  # noqa: BLE001 - logged; mail does not wait for it
            self._waiting = [*waiting, *self._waiting][:MOST_WAITING]
            self._failed(Failure())

    def _failed(self, failure: Failure) -> None:
        self._events.emit(Faulted(self._where, failure.getErrorMessage()))

    async def stop(self) -> None:
        """Write the rest."""
        self._rounds.stop()
        await self.flush()
