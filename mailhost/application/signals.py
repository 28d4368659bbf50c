"""Remembers signals that come before the host is ready; by default they would end the process.

`take` is called before anything slow happens, `listen` when the host serves. SIGHUP then leads to a
reload, SIGTERM and SIGINT to an orderly stop. The second SIGTERM or SIGINT before that ends the
process at once, since the start may hang, on a disk for instance.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from types import FrameType

STOPPING = (signal.SIGTERM, signal.SIGINT)


class EarlySignals:
    """The signals so far. Only the main thread may use it."""

    def __init__(self) -> None:
        self._came: set[int] = set()

    def take(self) -> None:
        """Remember signals from now on."""
        for number in (signal.SIGHUP, *STOPPING):
            signal.signal(number, self._remember)

    @property
    def stop_asked(self) -> bool:
        """True where a stop was asked for."""
        return not self._came.isdisjoint(STOPPING)

    @property
    def reload_asked(self) -> bool:
        """True where a reload was asked for."""
        return signal.SIGHUP in self._came

    def hand_over(self) -> None:
        """Leave SIGINT to the reactor, which sets its handler only in place of Python's default."""
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def listen(self, reload: Callable[[], object]) -> None:
        """Have SIGHUP call `reload` from now on, between any two instructions of other code."""
        signal.signal(signal.SIGHUP, lambda number, frame: reload())

    def _remember(self, number: int, frame: FrameType | None) -> None:
        if number in self._came and number in STOPPING:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        self._came.add(number)
