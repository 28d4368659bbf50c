"""Waiting for a result no longer than some time."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.concurrency.timeouts import fired_within


class FiredWithinTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.waited: Deferred[int] = Deferred()
        self.decided = fired_within(self.waited, self.clock, 5)

    def test_a_result_in_time(self) -> None:
        self.clock.advance(4)
        self.assertNoResult(self.decided)
        self.waited.callback(7)
        self.assertTrue(self.successResultOf(self.decided))
        self.assertEqual(7, self.successResultOf(self.waited))
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_a_result_that_comes_late_is_not_lost(self) -> None:
        self.clock.advance(5)
        self.assertFalse(self.successResultOf(self.decided))
        self.waited.callback(7)
        self.assertEqual(7, self.successResultOf(self.waited))

    def test_a_failure_is_passed_on(self) -> None:
        self.waited.errback(ValueError())
        self.assertTrue(self.successResultOf(self.decided))
        self.failureResultOf(self.waited, ValueError)
