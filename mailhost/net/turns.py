"""Letting the reactor do other work between the parts of a long one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeAlias

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime

Pause: TypeAlias = Callable[[], Awaitable[None]]
"""Waits until everybody else had a turn."""


def next_turn(clock: IReactorTime) -> Deferred[None]:
    """Wait for the reactor's next turn."""
    turn: Deferred[None] = Deferred()
    clock.callLater(0, turn.callback, None)
    return turn


def pauses_of(clock: IReactorTime) -> Pause:
    """Return a Pause of this reactor."""
    return partial(next_turn, clock)


def no_pause() -> Awaitable[None]:
    """Go on at once: for tests, and where no reactor is."""
    return succeed(None)
