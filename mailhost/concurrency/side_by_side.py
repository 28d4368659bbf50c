"""Waits for several results at once.

`gatherResults` of Twisted wraps an error into FirstError, and logs the errors of all other parts as
unhandled, which are cancelled together with the first: here, the first error is raised itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from typing import TypeVar

from twisted.internet.defer import Deferred, FirstError, gatherResults
from twisted.python.failure import Failure

T = TypeVar("T")


async def side_by_side(parts: Iterable[Awaitable[T]]) -> list[T]:
    """Wait for all parts, and return their results in order. Raises the first error of a part, and
    cancels the other parts then, as it does when it is cancelled."""
    running = [Deferred.fromCoroutine(_result(each)) for each in parts]
    try:
        return await gatherResults(running, consumeErrors=True)
    except FirstError as error:
        for each in running:
            each.cancel()
        cause_of(error).raiseException()


def cause_of(error: FirstError) -> Failure:
    """Return the error of the part that failed, whatever number of FirstErrors it is wrapped in."""
    cause = error.subFailure
    while isinstance(cause.value, FirstError):
        cause = cause.value.subFailure
    return cause


async def _result(part: Awaitable[T]) -> T:
    return await part
