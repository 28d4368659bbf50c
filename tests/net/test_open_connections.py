"""Waiting for open connections to end, and ending them after a time."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.net.open_connections import OpenConnections


class OpenConnectionsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.connections: OpenConnections[str] = OpenConnections()
        self.connections.update(("one", "two"))
        self.aborted: list[str] = []

    def drain(self, seconds: float) -> Deferred[None]:
        return Deferred.fromCoroutine(
            self.connections.drain(self.clock, seconds, self.aborted.append)
        )

    def test_waiting_ends_with_the_last_one(self) -> None:
        waiting = [Deferred.fromCoroutine(self.connections.ended()) for _ in range(2)]
        self.connections.forget("one")
        self.assertNoResult(waiting[0])
        self.connections.forget("two")
        for each in (*waiting, Deferred.fromCoroutine(self.connections.ended())):
            self.successResultOf(each)

    def test_those_that_are_left_after_the_time_are_aborted(self) -> None:
        draining = self.drain(5)
        self.connections.forget("one")
        self.clock.advance(5)
        self.assertEqual(["two"], self.aborted)
        self.assertNoResult(draining)
        self.connections.forget("two")
        self.successResultOf(draining)

    def test_none_is_aborted_if_all_end_in_time(self) -> None:
        draining = self.drain(5)
        for each in ("one", "two"):
            self.connections.forget(each)
        self.successResultOf(draining)
        self.assertEqual(([], []), (self.aborted, self.clock.getDelayedCalls()))
