"""Lets the reactor serve other connections between two parts of long work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeAlias

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime

Pause: TypeAlias = Callable[[], Awaitable[None]]
"""Waits until all other events of the reactor's turn have been handled."""


def next_turn(clock: IReactorTime) -> Deferred[None]:
    """Wait for the reactor's next turn."""
    turn: Deferred[None] = Deferred()
    clock.callLater(0, turn.callback, None)
    return turn


def pauses_of(clock: IReactorTime) -> Pause:
    """Return a Pause of this reactor."""
    return partial(next_turn, clock)


def no_pause() -> Awaitable[None]:
    """Go on at once: for tests, and without a reactor."""
    return succeed(None)
