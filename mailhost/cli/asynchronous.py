"""Runs asynchronous code from a command, on a reactor that stops when the code has ended."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from mailhost.interfaces.reactor import IReactor

Result = TypeVar("Result")


def run_on_reactor(work: Callable[[IReactor], Coroutine[Any, Any, Result]]) -> Result:
    """Return the result of `work`, or raise what it raises. A process can call this once."""
    from twisted.internet import reactor as made
    from twisted.internet.defer import Deferred
    from twisted.python.failure import Failure

    reactor: Any = made
    ended: list[Any] = []

    def stop(result: Any) -> None:
        ended.append(result)
        reactor.stop()

    def start() -> None:
        Deferred.fromCoroutine(work(reactor)).addBoth(stop)

    reactor.callWhenRunning(start)
    reactor.run()
    if not ended:
        raise KeyboardInterrupt
    if isinstance(ended[0], Failure):
        ended[0].raiseException()
    result: Result = ended[0]
    return result
