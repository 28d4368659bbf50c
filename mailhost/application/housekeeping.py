"""What is done once a day, and at the start: files that dead writers left in mailboxes are removed.

Nothing waits for it, and it stops nobody.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure

from mailhost.interfaces.events import Faulted, IEventSink
from mailhost.store.mailboxes import MailStore

DAY = 86_400.0  # seconds


class Housekeeping:
    """One process of a host does it. `store` returns the mail store of the present settings."""

    def __init__(
        self, clock: IReactorTime, store: Callable[[], MailStore], events: IEventSink
    ) -> None:
        self._store = store
        self._events = events
        self._daily = LoopingCall(self._tidy)
        self._daily.clock = clock

    def start(self) -> None:
        """Begin now."""
        self._daily.start(DAY)

    def stop(self) -> None:
        """Begin nothing any more."""
        if self._daily.running:
            self._daily.stop()

    def _tidy(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._store().tidy()).addErrback(self._tell)

    def _tell(self, failure: Failure) -> None:
        self._events.emit(Faulted("housekeeping", failure.getErrorMessage()))
