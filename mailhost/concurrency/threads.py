"""Blocking calls, run in threads so that the reactor goes on."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads, IReactorThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure

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


def own_threads(reactor: IReactorFromThreads) -> InThread:
    """Run each blocking call in a thread of its own: for calls that may hang, and for many at once
    that must not delay others. The process does not wait for such threads when it ends."""

    def run(work: Callable[[], T], /) -> Deferred[T]:
        result: Deferred[T] = Deferred(lambda _: None)  # a cancelled result that comes is ignored

        def finish(found: T | Failure) -> None:
            if not result.called:
                result.callback(found)

        def call() -> None:
            try:
                found: T | Failure = work()
            except BaseException:  # noqa: BLE001 - passed on, as by the reactor's own threads
                found = Failure()
            reactor.callFromThread(finish, found)

        Thread(target=call, daemon=True).start()
        return result

    return run
