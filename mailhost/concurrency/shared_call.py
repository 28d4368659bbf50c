"""A blocking call that is made again and again, such as a question to a disk: it runs once at a
time, all callers meanwhile share its result, and they wait no longer than some time. So a disk that
hangs keeps one thread at most."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from mailhost.concurrency.threads import InThread
from mailhost.concurrency.timeouts import fired_within

T = TypeVar("T")


class SharedCall(Generic[T]):
    """`seconds` is how long a call is waited for."""

    def __init__(self, in_thread: InThread, clock: IReactorTime, seconds: float) -> None:
        self._in_thread = in_thread
        self._clock = clock
        self._seconds = seconds
        self._running = False
        self._waiting: list[Deferred[T | Failure]] = []

    async def result_of(self, function: Callable[[], T]) -> T:
        """Return the result of a function that is called in a thread, or of the one that is being
        called already, or raise what it raises. Raises TimeoutError."""
        answer: Deferred[T | Failure] = Deferred()
        found: list[T | Failure] = []
        self._waiting.append(answer)
        answer.addBoth(found.append)
        if not self._running:
            self._running = True
            self._in_thread(function).addBoth(self._returned)
        if not await fired_within(answer, self._clock, self._seconds):
            self._waiting.remove(answer)
            raise TimeoutError(f"no answer within {self._seconds:g} s")
        (result,) = found
        if isinstance(result, Failure):
            result.raiseException()
        return result

    def _returned(self, result: T | Failure) -> None:
        self._running = False
        waiting, self._waiting = self._waiting, []
        for answer in waiting:
            answer.errback(result) if isinstance(result, Failure) else answer.callback(result)
