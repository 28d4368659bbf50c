"""The last attempts to deliver or relay messages, for the doctor to follow a message."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from zope.interface import implementer

from mailhost.interfaces.events import Attempted, Event, IEventSink

MOST = 500  # attempts; about 400 kB


@dataclass(frozen=True, slots=True)
class RecentAttempt:
    """An attempt for one recipient, at a time in seconds since 1970."""

    at: float
    attempted: Attempted


@implementer(IEventSink)
class RecentAttempts:
    """Keeps the last MOST attempts of a process. `wall` gives seconds since 1970."""

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self._kept: deque[RecentAttempt] = deque(maxlen=MOST)

    def emit(self, event: Event) -> None:
        """See IEventSink."""
        if isinstance(event, Attempted):
            self._kept.append(RecentAttempt(self._wall(), event))

    def of(self, identity: str) -> Iterator[RecentAttempt]:
        """Yield those of one message, in their order."""
        return (each for each in self._kept if each.attempted.identity == identity)
