"""Runs a machine that needs DNS: gives it the resolver's reply to each of its questions.

The time is bounded as a whole, since a machine may ask several questions, and each of them may wait
for slow servers. When the time is over, each further question fails at once, and the machine ends
with its own result for failures.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime

from mailhost.interfaces.dns import Found, ILookUp, Lookups, Question, Reply, Result


async def run_lookups(
    machine: Lookups[Result], resolver: ILookUp, clock: IReactorTime, seconds: float
) -> Result:
    """Return the result of `machine`; its look-ups take at most `seconds` in all."""
    until = clock.seconds() + seconds
    try:
        question = next(machine)
        while True:
            reply = await _look_up(question, resolver, clock, until - clock.seconds())
            question = machine.send(reply)
    except StopIteration as end:
        result: Result = end.value
        return result


async def _look_up(
    question: Question[Any], resolver: ILookUp, clock: IReactorTime, seconds: float
) -> Reply[Any]:
    failed: Reply[Any] = Reply(Found.FAILED, trouble="the time for look-ups is over")
    if seconds <= 0:
        return failed

    async def ask() -> Reply[Any]:
        return await resolver.look_up(question)

    try:
        return await Deferred.fromCoroutine(ask()).addTimeout(seconds, clock)
    except TimeoutError:
        return failed
