"""Runs a machine that needs DNS: gives it the resolver's reply to each of its questions.

The time is bounded as a whole, since a machine may ask several questions, and each of them may wait
for slow servers. When the time is over, each further question fails at once, and the machine ends
with its own result for failures.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Generic

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime

from mailhost.concurrency.threads import InThread
from mailhost.interfaces.dns import Found, ILookUp, Lookups, Question, Reply, Result


class _End(Generic[Result]):
    """The end of a machine."""

    def __init__(self, result: Result) -> None:
        self.result = result


async def run_lookups(
    machine: Lookups[Result],
    resolver: ILookUp,
    clock: IReactorTime,
    seconds: float,
    in_thread: InThread | None = None,
    for_each: float = float("inf"),
) -> Result:
    """Return the result of `machine`; its look-ups take at most `seconds` in all, and `for_each`
    seconds each. With `in_thread` the machine's own work between two questions is done in a
    thread."""
    until = clock.seconds() + seconds
    reply: Reply[Any] | None = None
    while True:
        step = partial(_step, machine, reply)
        found = step() if in_thread is None else await in_thread(step)
        if isinstance(found, _End):
            return found.result
        left = min(until - clock.seconds(), for_each)
        reply = await _look_up(found, resolver, clock, left)


def _step(machine: Lookups[Result], reply: Reply[Any] | None) -> Question[Any] | _End[Result]:
    """Let the machine go on to its next question or to its end."""
    try:
        return next(machine) if reply is None else machine.send(reply)
    except StopIteration as end:
        return _End(end.value)


async def _look_up(
    question: Question[Any], resolver: ILookUp, clock: IReactorTime, seconds: float
) -> Reply[Any]:
    failed: Reply[Any] = Reply(Found.FAILED, trouble="the time for look-ups is over")
    if seconds <= 0:
        return failed

    async def ask() -> Reply[Any]:
        return await resolver.look_up(question)

    asking = Deferred.fromCoroutine(ask())
    if not asking.called:  # known replies need no timer
        asking.addTimeout(seconds, clock)
    try:
        return await asking
    except TimeoutError:
        return failed
