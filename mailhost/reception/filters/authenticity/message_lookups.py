"""The DNS look-ups for one message: in bounded time, each once, none about reserved names."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from mailhost.concurrency.threads import InThread
from mailhost.interfaces.dns import (
    Found,
    ILookUp,
    Lookups,
    Question,
    Record,
    Reply,
    Result,
    is_for_tests,
)
from mailhost.net.dns.lookups import run_lookups


@implementer(ILookUp)
class NoDNS:
    """Replies to every question that the name does not exist."""

    async def look_up(self, question: Question[Record]) -> Reply[Record]:
        return Reply(Found.NO_DOMAIN)


@implementer(ILookUp)
class MessageLookUps:
    """Runs the checks of one message, which together may ask for `seconds`, and wait for each
    reply for a third of that: one silent server does not use up the time of a check.

    The replies of `resolver` are kept meanwhile, also those that its cache does not keep. That no
    question is asked twice at the same time is the concern of the resolver.
    """

    def __init__(self, resolver: ILookUp, clock: IReactorTime, seconds: float) -> None:
        self._resolver = resolver
        self._clock = clock
        self._until = clock.seconds() + seconds
        self._for_each = seconds / 3
        self._replies: dict[Question[Any], Reply[Any]] = {}

    def seconds(self) -> float:
        """Return the time of the clock."""
        return self._clock.seconds()

    def prolong(self, seconds: float) -> None:
        """Give the checks more time, as other work took so long."""
        self._until += seconds

    def run(
        self,
        machine: Lookups[Result],
        in_thread: InThread | None = None,
        at_least: float = 0.0,
    ) -> Deferred[Result]:
        """Begin a check, and return its result. With `in_thread` its own work is done there. The
        check has `at_least` so many seconds, even if others have used up the time."""
        seconds = max(self._until - self._clock.seconds(), at_least)
        running = run_lookups(machine, self, self._clock, seconds, in_thread, self._for_each)
        return Deferred.fromCoroutine(running)

    async def look_up(self, question: Question[Record]) -> Reply[Record]:
        question = Question(question.kind, question.name.lower().removesuffix("."))
        if is_for_tests(question.name):
            return Reply(Found.NO_DOMAIN)
        reply: Reply[Record] | None = self._replies.get(question)
        if reply is None:
            reply = self._replies[question] = await self._resolver.look_up(question)
        return reply
