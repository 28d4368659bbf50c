"""A blocking call, one at a time."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.concurrency.shared_call import SharedCall


class SharedCallTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.threads: list[Deferred[Any]] = []
        self.shared = SharedCall[int](self.in_thread, self.clock, 1.0)

    def in_thread(self, function: object) -> Deferred[Any]:
        self.threads.append(Deferred())
        return self.threads[-1]

    def call(self) -> Deferred[int]:
        return Deferred.fromCoroutine(self.shared.result_of(lambda: 7))

    def test_results_and_failures(self) -> None:
        for number in (7, 8):
            calling = self.call()
            self.threads[-1].callback(number)
            self.assertEqual(number, self.successResultOf(calling))
        calling = self.call()
        self.threads[-1].errback(PermissionError("no"))
        self.failureResultOf(calling, PermissionError)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_callers_at_once_share_a_result(self) -> None:
        for result in (7, PermissionError("no")):
            callers = [self.call() for _ in range(3)]
            running = self.threads.pop()
            self.assertEqual([], self.threads)
            if isinstance(result, int):
                running.callback(result)
                self.assertEqual([7, 7, 7], [self.successResultOf(each) for each in callers])
            else:
                running.errback(result)
                for each in callers:
                    self.failureResultOf(each, PermissionError)

    def test_a_call_that_hangs_keeps_one_thread(self) -> None:
        for _ in range(5):
            calling = self.call()
            self.clock.advance(1.0)
            self.failureResultOf(calling, TimeoutError)
        self.assertEqual((1, []), (len(self.threads), self.shared._waiting))

    def test_it_goes_on_when_the_call_returns(self) -> None:
        for end in ("callback", "errback"):
            late = self.call()
            self.clock.advance(1.0)
            self.failureResultOf(late, TimeoutError)
            getattr(self.threads[-1], end)(OSError("late"))
            calling = self.call()
            self.threads[-1].callback(7)
            self.assertEqual(7, self.successResultOf(calling))
