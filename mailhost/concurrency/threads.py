"""Blocking calls, run where they block nobody."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from twisted.internet.interfaces import IReactorThreads
from twisted.internet.threads import deferToThreadPool

T = TypeVar("T")


class InThread(Protocol):
    """Runs a blocking call in a thread: `partial(deferToThreadPool, reactor, pool)` is one."""

    def __call__(self, work: Callable[[], T], /) -> Awaitable[T]:
        """Return what `work` returns, or raise what it raises."""


def threads_of(reactor: IReactorThreads) -> InThread:
    """Run blocking calls in the reactor's own thread pool."""

    def run(work: Callable[[], T], /) -> Awaitable[T]:
        return deferToThreadPool(reactor, reactor.getThreadPool(), work)

    return run
