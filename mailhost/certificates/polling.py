"""One request to an authority, and the wait before the next one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from mailhost.certificates.values import UNREACHABLE, AuthorityError, Problem
from mailhost.concurrency.threads import InThread

T = TypeVar("T")

CALL_SECONDS = 120.0  # for one request to the authority
FIRST_POLL, LONGEST_POLL = 1.0, 30.0  # seconds between two questions


def bounded_call(clock: IReactorTime, in_thread: InThread, work: Callable[[], T]) -> Deferred[T]:
    """Make one request to an authority in a thread. Raises AuthorityError, also after CALL_SECONDS:
    the thread is then left to itself."""
    calling = in_thread(work).addTimeout(CALL_SECONDS, clock)

    def no_answer(failure: Failure) -> T:
        failure.trap(TimeoutError)
        text = f"the authority has not answered within {CALL_SECONDS:g} s"
        raise AuthorityError(Problem(UNREACHABLE, text))

    return calling.addErrback(no_answer)


class Poll:
    """Waits between questions: as long as the authority asks for, else longer each time."""

    def __init__(self, clock: IReactorTime, seconds: float) -> None:
        self._clock = clock
        self._end = clock.seconds() + seconds
        self._next = FIRST_POLL

    async def wait(self, asked: float) -> bool:
        """Wait before the next question. Return False, at once, if the time is over."""
        if self._clock.seconds() >= self._end:
            return False
        seconds = min(max(asked, self._next), max(self._end - self._clock.seconds(), 0.1))
        self._next = min(self._next * 1.5, LONGEST_POLL)
        await deferLater(self._clock, seconds)
        return True
