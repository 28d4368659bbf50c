"""Work done once a day, and at the start: removing files that dead writers left in mailboxes, and
messages that were expunged long ago.

No other work waits for it, and a failure is only logged.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from mailhost.concurrency.rounds import Rounds
from mailhost.interfaces.events import Faulted, IEventSink
from mailhost.interfaces.store import IMaintenance

DAY = 86_400.0  # seconds


class Housekeeping:
    """The head has it. `store` returns the mail store of the present settings."""

    def __init__(
        self, clock: IReactorTime, store: Callable[[], IMaintenance], events: IEventSink
    ) -> None:
        self._store = store
        self._events = events
        self._daily = Rounds(clock, DAY, self._tidy, self._log_failure)

    def start(self) -> None:
        """Do it now and once a day."""
        self._daily.start()

    def stop(self) -> None:
        """Start no further round."""
        self._daily.stop()

    async def _tidy(self) -> None:
        await self._store().tidy()

    def _log_failure(self, failure: Failure) -> None:
        self._events.emit(Faulted("housekeeping", failure.getErrorMessage()))
