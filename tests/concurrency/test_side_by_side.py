"""Waiting for several results at once."""

from __future__ import annotations

import gc

from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.trial.unittest import SynchronousTestCase

from mailhost.concurrency.side_by_side import side_by_side


class SideBySideTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.parts: list[Deferred[int]] = [Deferred(), Deferred(), Deferred()]
        self.running = Deferred.fromCoroutine(side_by_side(self.parts))

    def forget_parts(self) -> None:
        """Destroy the parts: an error that none has handled is logged then."""
        self.parts.clear()
        gc.collect()

    def test_results_in_the_order_of_the_parts(self) -> None:
        for number in (2, 0, 1):
            self.assertNoResult(self.running)
            self.parts[number].callback(number)
        self.assertEqual([0, 1, 2], self.successResultOf(self.running))

    def test_no_parts(self) -> None:
        self.assertEqual([], self.successResultOf(Deferred.fromCoroutine(side_by_side(()))))

    def test_the_first_error_is_raised_and_cancels_the_other_parts(self) -> None:
        self.parts[1].errback(KeyError("first"))
        self.failureResultOf(self.running, KeyError)
        for number in (0, 2):
            self.parts[number].callback(number)  # its cancellation swallows one result
        self.forget_parts()
        self.assertEqual([], self.flushLoggedErrors())

    def test_an_error_in_a_part_that_waits_for_several_results(self) -> None:
        parts: list[Deferred[int]] = [Deferred(), Deferred()]
        inner = gatherResults(parts, consumeErrors=True)
        outer = gatherResults([inner], consumeErrors=True)
        running = Deferred.fromCoroutine(side_by_side([outer]))
        running.cancel()
        self.failureResultOf(running, CancelledError)

    def test_cancelling_leaves_no_unhandled_error(self) -> None:
        self.running.cancel()
        self.failureResultOf(self.running, CancelledError)
        self.forget_parts()
        self.assertEqual([], self.flushLoggedErrors())
