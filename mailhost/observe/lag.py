"""Measures how late the timers of this process fire: the time for which its reactor was busy with
other work, or did not get the processor."""

from __future__ import annotations

from twisted.internet.interfaces import IDelayedCall, IReactorTime

PERIOD = 0.5  # seconds between two timers
WINDOW = 60  # timers; the longest delay of one to two windows is known


class Lag:
    """A process has one. It costs nothing until `measure(True)`."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._timer: IDelayedCall | None = None
        self._due = 0.0
        self._fired = 0
        self._former = self._present = 0.0  # the longest delay of the last window, and of this one

    def measure(self, on: bool) -> None:
        """Measure from now on, or no more."""
        if on and self._timer is None:
            self._fired, self._former, self._present = 0, 0.0, 0.0
            self._start()
        elif not on and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @property
    def longest(self) -> float:
        """The longest delay of the last half to one minute, in seconds."""
        return max(self._former, self._present)

    def _start(self) -> None:
        self._due = self._clock.seconds() + PERIOD
        self._timer = self._clock.callLater(PERIOD, self._note)

    def _note(self) -> None:
        self._present = max(self._present, self._clock.seconds() - self._due)
        self._fired += 1
        if self._fired == WINDOW:
            self._fired, self._former, self._present = 0, self._present, 0.0
        self._start()
