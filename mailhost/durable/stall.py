"""Reports to the operator that the writer, or the disk below it, gives no answer.

All mail waits then, no client is answered, and nothing else in the log would say why.
"""

from __future__ import annotations

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from mailhost.interfaces.events import Faulted, IEventSink, Notice

STALL_LIMIT = 10.0  # seconds without an answer


class Stall:
    """Watches the answers of the writer, with one timer for STALL_LIMIT seconds, not one for
    each."""

    def __init__(self, clock: IReactorTime, events: IEventSink) -> None:
        self._clock = clock
        self._events = events
        self._since: float | None = None  # seconds: the last answer, or the first request after it
        self._reported = False
        self._timer: IDelayedCall | None = None

    @property
    def reported(self) -> bool:
        """True while the operator was told of a stall that goes on."""
        return self._reported

    def asked(self) -> None:
        """A request was sent."""
        if self._since is None:
            self._since = self._clock.seconds()
        self._watch(STALL_LIMIT)

    def answered(self, more: bool) -> None:
        """An answer came. `more`: other requests have no answer yet."""
        now = self._clock.seconds()
        if self._reported and self._since is not None:
            self._reported = False
            self._events.emit(Notice(f"the writer goes on after {now - self._since:.0f} seconds"))
        self._since = now if more else None
        if more:
            self._watch(STALL_LIMIT)

    def forget(self) -> None:
        """No answer will come any more: the connection is lost."""
        self._since = None
        self._reported = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _watch(self, seconds: float) -> None:
        if self._timer is None and not self._reported:
            self._timer = self._clock.callLater(seconds, self._check)

    def _check(self) -> None:
        self._timer = None
        if self._since is None:
            return
        left = self._since + STALL_LIMIT - self._clock.seconds()
        if left > 0:
            self._watch(left)
            return
        self._reported = True
        text = f"nothing was made durable for {STALL_LIMIT:.0f} seconds, and mail waits for it"
        self._events.emit(Faulted("the writer, or the disk, stands still", text))
