"""Answers and failures that are remembered, and for how long."""

from __future__ import annotations

from collections.abc import Awaitable

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.interfaces.dns import NoSuchDomain, ResolveFailed
from mailhost.net.dns import cache
from mailhost.net.dns.cache import AnswerCache, Answered, Question
from tests.fakes import now


class CacheCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.asked: list[Question] = []
        self.answers: dict[str, Answered | Deferred[Answered] | Exception] = {}
        self.cache = AnswerCache(self.clock, self.ask)

    async def ask(self, question: Question) -> Answered:
        self.asked.append(question)
        answer = self.answers[question[1]]
        if isinstance(answer, Exception):
            raise answer
        return await answer if isinstance(answer, Awaitable) else answer

    def test_an_answer_holds_as_long_as_its_ttl(self) -> None:
        self.answers["a"] = Answered(("1",), 30.0)
        for seconds, asked in ((0, 1), (29.9, 1), (0.2, 2)):
            self.clock.advance(seconds)
            self.assertEqual(("1",), now(self.cache.get(("A", "a"))))
            self.assertEqual(asked, len(self.asked))

    def test_no_answer_holds_for_ever(self) -> None:
        self.answers["a"] = Answered(("1",), 1e9)
        now(self.cache.get(("A", "a")))
        self.clock.advance(cache.LONGEST_VALIDITY + 1)
        now(self.cache.get(("A", "a")))
        self.assertEqual(2, len(self.asked))

    def test_kinds_are_apart(self) -> None:
        self.answers["a"] = Answered(("1",), 30.0)
        now(self.cache.get(("A", "a")))
        now(self.cache.get(("AAAA", "a")))
        self.assertEqual(2, len(self.asked))

    def test_that_there_is_none_holds_too(self) -> None:
        self.answers["a"] = Answered((), 60.0, exists=False)
        for _ in range(2):
            self.failureResultOf(Deferred.fromCoroutine(self.cache.get(("A", "a"))), NoSuchDomain)
        self.assertEqual(1, len(self.asked))

    def test_a_failure_is_remembered_for_a_short_time(self) -> None:
        self.answers["a"] = ResolveFailed("a: no answer from the DNS servers")
        for seconds, asked in ((0, 1), (cache.FAILURE_VALIDITY - 0.1, 1), (0.2, 2)):
            self.clock.advance(seconds)
            failed = self.failureResultOf(
                Deferred.fromCoroutine(self.cache.answer(("A", "a"))), ResolveFailed
            )
            self.assertEqual("a: no answer from the DNS servers", str(failed.value))
            self.assertEqual(asked, len(self.asked))
        self.answers["a"] = Answered(("1",), 30.0)
        self.clock.advance(cache.FAILURE_VALIDITY)
        self.assertEqual(("1",), now(self.cache.get(("A", "a"))))

    def test_a_failure_of_one_kind_says_nothing_of_another(self) -> None:
        self.answers["a"] = ResolveFailed("down")
        self.failureResultOf(Deferred.fromCoroutine(self.cache.get(("AAAA", "a"))), ResolveFailed)
        self.answers["a"] = Answered(("1",), 30.0)
        self.assertEqual(("1",), now(self.cache.get(("A", "a"))))

    def test_nothing_of_former_servers_is_remembered(self) -> None:
        pending = self.answers["a"] = Deferred()
        waiting = Deferred.fromCoroutine(self.cache.get(("A", "a")))
        self.cache.clear()
        pending.errback(ResolveFailed("down"))
        self.failureResultOf(waiting, ResolveFailed)
        self.answers["a"] = Answered(("1",), 30.0)
        self.assertEqual(("1",), now(self.cache.get(("A", "a"))))

    def test_memory_is_bounded(self) -> None:
        self.patch(cache, "MOST_ANSWERS", 3)
        for name in "abcd":
            self.answers[name] = Answered((name,), 30.0)
            now(self.cache.get(("A", name)))
        now(self.cache.get(("A", "d")))
        self.assertEqual(4, len(self.asked))
        now(self.cache.get(("A", "a")))
        self.assertEqual(5, len(self.asked), "the oldest was forgotten")

    def test_a_caller_that_stops_waiting_does_not_stop_others(self) -> None:
        pending = self.answers["a"] = Deferred()
        waiting = [Deferred.fromCoroutine(self.cache.get(("A", "a"))) for _ in range(3)]
        for number in (0, 1):
            waiting[number].cancel()
            self.failureResultOf(waiting[number], CancelledError)
        pending.callback(Answered(("1",), 30.0))
        self.assertEqual(("1",), self.successResultOf(waiting[2]))
        self.assertEqual(("1",), now(self.cache.get(("A", "a"))))
        self.assertEqual(1, len(self.asked))

    def test_all_who_wait_get_the_answer_or_the_failure(self) -> None:
        for result in (Answered(("1",), 0.0), ResolveFailed("down")):
            self.asked.clear()
            self.cache.clear()
            pending = self.answers["a"] = Deferred()
            waiting = [Deferred.fromCoroutine(self.cache.get(("A", "a"))) for _ in range(3)]
            self.assertEqual(1, len(self.asked))
            if isinstance(result, Exception):
                pending.errback(result)
                for each in waiting:
                    self.failureResultOf(each, ResolveFailed)
            else:
                pending.callback(result)
                self.assertEqual([("1",)] * 3, list(map(self.successResultOf, waiting)))
