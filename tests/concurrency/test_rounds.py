"""Work in rounds, on a clock that is turned."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from mailhost.concurrency.rounds import Rounds


class RoundsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.begun: list[float] = []
        self.failures: list[Failure] = []
        self.ends: Deferred[None] | None = None
        self.rounds = Rounds(self.clock, 10.0, self.work, self.failures.append)
        self.addCleanup(self.rounds.stop)

    async def work(self) -> None:
        self.begun.append(self.clock.seconds())
        if self.ends is not None:
            await self.ends

    def pass_time(self, seconds: int) -> None:
        for _ in range(seconds):
            self.clock.advance(1)

    def test_now_and_every_period(self) -> None:
        self.rounds.start()
        self.pass_time(25)
        self.assertEqual([0.0, 10.0, 20.0], self.begun)

    def test_later(self) -> None:
        self.assertFalse(self.rounds.running)
        self.rounds.start(now=False)
        self.pass_time(15)
        self.assertEqual([10.0], self.begun)
        self.rounds.stop()
        self.assertFalse(self.rounds.running)
        self.pass_time(15)
        self.assertEqual([10.0], self.begun)

    def test_one_round_at_a_time(self) -> None:
        self.ends = Deferred()
        self.rounds.start()
        self.pass_time(25)
        self.ends.callback(None)
        self.pass_time(10)
        self.assertEqual([0.0, 30.0], self.begun)

    def test_a_failure_is_handed_over(self) -> None:
        self.ends = Deferred()
        self.rounds.start()
        ended, self.ends = self.ends, None
        ended.errback(OSError("full"))
        self.pass_time(10)
        self.assertEqual(["full"], [each.getErrorMessage() for each in self.failures])
        self.assertEqual([0.0, 10.0], self.begun)
