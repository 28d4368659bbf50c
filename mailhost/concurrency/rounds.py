"""Work that is done again and again, one round after another."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure


class Rounds:
    """Does `work` every `period` seconds; a round that takes longer delays the next one. `failed`
    gets the failure of a round, and the next round comes nevertheless."""

    def __init__(
        self,
        clock: IReactorTime,
        period: float,
        work: Callable[[], Coroutine[Any, Any, None]],
        failed: Callable[[Failure], None],
    ) -> None:
        self._period = period
        self._work = work
        self._failed = failed
        self._loop = LoopingCall(self._round)
        self._loop.clock = clock

    @property
    def running(self) -> bool:
        """False before the start, and after the stop."""
        return self._loop.running

    def start(self, now: bool = True) -> None:
        """Begin now, or when the first period is over."""
        self._loop.start(self._period, now)

    def stop(self) -> None:
        """Begin no further round."""
        if self._loop.running:
            self._loop.stop()

    def _round(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._work()).addErrback(self._failed)
