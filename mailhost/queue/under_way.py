"""The work of the queue that is under way: waited for when the queue stops, then cancelled."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from mailhost.interfaces.events import Faulted, IEventSink

CANCELLED_WORK_TIME = 2.0  # seconds that cancelled work may take to end


class WorkUnderWay:
    """`ending` is True once the queue stops: then no further work begins."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, events: IEventSink) -> None:
        self.ending = False
        self._clock = clock
        self._events = events
        self._works: set[Deferred[None]] = set()

    def track(self, work: Coroutine[Any, Any, None]) -> Deferred[None]:
        """Run a coroutine. An exception that leaves it is logged as a bug."""
        done = Deferred.fromCoroutine(work)
        self._works.add(done)
        done.addErrback(self._log_bug)
        done.addBoth(lambda _: self._works.discard(done))
        return done

    def is_cancelled(self, bug: BaseException | None) -> bool:
        """True for the exception of work that `end` cancelled."""
        return isinstance(bug, CancelledError) and self.ending

    async def end(self, patience: float) -> None:
        """Wait up to `patience` seconds for all work, then cancel the rest of it."""
        self.ending = True
        if not self._works:
            return
        over: Deferred[None] = Deferred()

        def ended(_: object) -> None:
            if not over.called:
                over.callback(None)

        timers = [
            self._clock.callLater(patience, self._cancel_all),
            self._clock.callLater(patience + CANCELLED_WORK_TIME, ended, None),
        ]
        DeferredList(list(self._works)).addCallback(ended)
        await over
        for timer in timers:
            if timer.active():
                timer.cancel()

    def _cancel_all(self) -> None:
        for work in list(self._works):
            work.cancel()

    def _log_bug(self, failure: Failure) -> None:
        if not self.is_cancelled(failure.value):
            self._log.failure("the queue has a bug", failure)
            self._events.emit(Faulted("queue", f"a bug: {failure.getErrorMessage()}"))
