"""Threads whose work waits until a test lets it run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred


class WaitingThreads:
    """An InThread whose work waits until `run` is called."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Callable[[], Any], Deferred[Any]]] = []

    def __call__(self, work: Callable[[], Any], /) -> Deferred[Any]:
        done: Deferred[Any] = Deferred()
        self.waiting.append((work, done))
        return done

    def run(self) -> None:
        """Run the work that has waited longest."""
        work, done = self.waiting.pop(0)
        done.callback(work())
