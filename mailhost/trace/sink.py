"""Collects the events of one process, and writes them to the database in batches.

The facts of each event are appended to a list. The list is written in a thread, about once a
second, unless it is empty. If the database cannot be written, the log says so once, and the list
stays in memory until it can be written; beyond a bound, events are dropped and counted. No message
waits for the trace.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from functools import partial

from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure
from zope.interface import implementer

from mailhost.concurrency.threads import InThread
from mailhost.interfaces.events import Event, Faulted, IEventSink, Notice
from mailhost.trace.quick_facts import KEPT, QuickFacts, Waiting

PERIOD = 1.0  # seconds from an event to its writing
RETRY = 10.0  # seconds after a fault
MOST_AT_ONCE = 2_000  # events of one transaction
MOST_WAITING = 10_000_000  # octets of facts in memory
EVENT_WEIGHT = 300  # octets of an event whose facts are not made yet, and of each recipient
WHERE = "trace"


@implementer(IEventSink)
class TraceSink:
    """`write` blocks, and writes events, or opens the database where there are none. It raises
    OSError or sqlite3.Error for a fault that may pass; it is called in threads, once at a time;
    `close` after the last time. Faults of the trace itself go to `events`. Nothing is kept until
    `reconfigure`. `wall` gives seconds since 1970."""

    def __init__(
        self,
        clock: IReactorTime,
        in_thread: InThread,
        write: Callable[[Sequence[Waiting]], None],
        close: Callable[[], None],
        events: IEventSink,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._in_thread = in_thread
        self._write = write
        self._close = close
        self._events = events
        self._wall = wall
        self._kept: frozenset[type[Event]] = frozenset()
        self._quick = QuickFacts()
        self._waiting: list[Waiting] = []
        self._weight = 0
        self._dropped = 0
        self._faulty = False
        self._stopped = False
        self._later: IDelayedCall | None = None
        self._lock = DeferredLock()  # held while a batch is written

    def reconfigure(self, off: bool) -> None:
        """Keep nothing new if `off`."""
        self._kept = frozenset() if off else KEPT

    def start(self) -> None:
        """Open the database soon, unless the trace is off, so that a fault of it is known at the
        start."""
        if self._kept:
            self._later = self._clock.callLater(0, self._write_waiting)

    def emit(self, event: Event) -> None:
        """See IEventSink."""
        if type(event) not in self._kept:
            return
        if self._weight >= MOST_WAITING:
            self._drop()
            return
        waiting = self._quick.of(event, int(self._wall() * 1000))
        self._waiting.append(waiting)
        self._weight += _weight(waiting)
        if self._later is None and not self._lock.locked:
            self._later = self._clock.callLater(PERIOD, self._write_waiting)

    def _drop(self) -> None:
        self._dropped += 1
        if self._dropped == 1:
            text = "the memory for events is full; further events of messages are dropped"
            self._events.emit(Faulted(WHERE, text))

    def _write_waiting(self) -> None:
        self._later = None
        self._quick.forget()
        Deferred.fromCoroutine(self._write_all())

    async def _write_all(self) -> None:
        """Write the waiting events in batches.

        After a fault, the rest waits for the next attempt.
        """
        await self._lock.acquire()
        fine = await self._write_batches()
        self._lock.release()
        if self._waiting and not self._stopped:
            pause = PERIOD if fine else RETRY
            self._later = self._clock.callLater(pause, self._write_waiting)

    async def _write_batches(self) -> bool:
        """Write the waiting events, also none. Return False after a fault."""
        while True:
            batch = self._waiting[:MOST_AT_ONCE]
            del self._waiting[:MOST_AT_ONCE]
            try:
                await self._in_thread(partial(self._write, batch))
            except (OSError, sqlite3.Error):
                self._waiting[:0] = batch
                self._failed(
                    Failure(),
                    "the database cannot be written, and is tried again; mail is not affected",
                )
                return False
            except Exception:  # noqa: BLE001 - a defect, which each further attempt would meet
                self._dropped += len(batch)
                self._failed(Failure(), "the database cannot be written; mail is not affected")
            else:
                self._succeeded()
            self._weight -= sum(map(_weight, batch))
            if not self._waiting:
                return True

    def _failed(self, failure: Failure, text: str) -> None:
        if not self._faulty:
            self._faulty = True
            self._events.emit(Faulted(WHERE, f"{text}: {_text(failure)}"))

    def _succeeded(self) -> None:
        if self._faulty or self._dropped:
            lost = f"; {self._dropped} events are missing" if self._dropped else ""
            self._events.emit(Notice(f"the trace is written again{lost}"))
        self._faulty, self._dropped = False, 0

    async def stop(self) -> None:
        """Write the rest, and keep nothing more."""
        self._kept, self._stopped = frozenset(), True
        if self._later is not None:
            self._later.cancel()
        await self._lock.acquire()
        if self._waiting:
            await self._write_batches()
        await self._in_thread(self._close)


def _weight(waiting: Waiting) -> int:
    """Return the approximate size in memory, in octets."""
    if len(waiting) == 4:
        return len(waiting[3])
    return EVENT_WEIGHT * (1 + len(getattr(waiting[1], "recipients", ())))


def _text(failure: Failure) -> str:
    return failure.getErrorMessage() or type(failure.value).__name__
