"""Machines that need DNS, their questions answered by a resolver in bounded time."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mailhost.interfaces.dns import (
    Found,
    IResolver,
    Lookups,
    MXRecord,
    Question,
    Record,
    Reply,
    ask,
    txt_of,
)
from mailhost.net.dns.lookups import run_lookups


@implementer(IResolver)
class Slow:
    """Answers when its `answers` are fired, one after the other."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers: list[Deferred[Any]] = []

    def look_up(self, question: Question[Record]) -> Awaitable[Reply[Record]]:
        self.asked.append(question.name)
        self.answers.append(Deferred())
        return self.answers[-1]

    def mx(self, domain: str) -> Awaitable[Sequence[MXRecord]]:
        raise NotImplementedError

    def ipv4(self, name: str) -> Awaitable[Sequence[str]]:
        return succeed([])

    def addresses(self, host: str) -> Awaitable[Sequence[str]]:
        return succeed([])


def machine() -> Lookups[list[Found]]:
    """Ask two questions."""
    first = yield from ask(txt_of("a.example"))
    second = yield from ask(txt_of("b.example"))
    return [first.found, second.found]


class RunningLookups(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.resolver = Slow()
        running = run_lookups(machine(), self.resolver, self.clock, 10)
        self.result = Deferred.fromCoroutine(running)

    def test_each_question_is_answered(self) -> None:
        for found in (Found.NO_DOMAIN, Found.RECORDS):
            self.resolver.answers[-1].callback(Reply(found))
        self.assertEqual(self.successResultOf(self.result), [Found.NO_DOMAIN, Found.RECORDS])
        self.assertEqual(self.resolver.asked, ["a.example", "b.example"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_time_is_bounded_as_a_whole(self) -> None:
        self.clock.advance(6)
        self.resolver.answers[0].callback(Reply(Found.NO_DOMAIN))
        self.clock.advance(4.1)
        self.assertEqual(self.successResultOf(self.result), [Found.NO_DOMAIN, Found.FAILED])

    def test_nothing_is_asked_when_the_time_is_over(self) -> None:
        self.clock.advance(10)
        self.assertEqual(self.successResultOf(self.result), [Found.FAILED] * 2)
        self.assertEqual(self.resolver.asked, ["a.example"])
