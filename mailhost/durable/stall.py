"""Tells the operator when the writer, or the disk below it, stands still: mail waits then, nobody
is answered, and nothing else would say why.
"""

from __future__ import annotations

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from mailhost.interfaces.events import Faulted, IEventSink, Notice

LIMIT = 10.0  # seconds without an answer


class Stall:
    """Watches one who owes answers. It costs a timer every ten seconds, not one for each answer."""

    def __init__(self, clock: IReactorTime, events: IEventSink) -> None:
        self._clock = clock
        self._events = events
        self._since: float | None = None  # the last answer, or the first question after it
        self._told = False
        self._timer: IDelayedCall | None = None

    def asked(self) -> None:
        """An answer is owed."""
        if self._since is None:
            self._since = self._clock.seconds()
        self._watch(LIMIT)

    def answered(self, more: bool) -> None:
        """An answer came; `more` are owed."""
        now = self._clock.seconds()
        if self._told and self._since is not None:
            self._told = False
            self._events.emit(Notice(f"the writer goes on after {now - self._since:.0f} seconds"))
        self._since = now if more else None
        if more:
            self._watch(LIMIT)

    def forget(self) -> None:
        """Nothing is owed any more: the one who owed it is gone."""
        self._since = None
        self._told = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _watch(self, seconds: float) -> None:
        if self._timer is None and not self._told:
            self._timer = self._clock.callLater(seconds, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._since is None:
            return
        left = self._since + LIMIT - self._clock.seconds()
        if left > 0:
            self._watch(left)
            return
        self._told = True
        text = f"nothing was made durable for {LIMIT:.0f} seconds, and mail waits for it"
        self._events.emit(Faulted("the writer, or the disk, stands still", text))
