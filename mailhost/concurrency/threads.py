"""Blocking calls, run in threads so that the reactor goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorThreads
from twisted.internet.threads import deferToThreadPool

T = TypeVar("T")


class InThread(Protocol):
    """Runs a blocking call in a thread. Calls with arguments are handed in as a `partial`."""

    def __call__(self, work: Callable[[], T], /) -> Deferred[T]:
        """Return what `work` returns, or raise what it raises."""


def threads_of(reactor: IReactorThreads) -> InThread:
    """Run blocking calls in the reactor's own thread pool."""

    def run(work: Callable[[], T], /) -> Deferred[T]:
        return deferToThreadPool(reactor, reactor.getThreadPool(), work)

    return run
