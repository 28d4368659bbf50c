"""How late timers fire."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.observe.lag import PERIOD, WINDOW, Lag


class LagTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.lag = Lag(self.clock)

    def test_the_longest_delay(self) -> None:
        self.lag.measure(True)
        for late in (0.0, 0.25, 0.125):
            self.clock.advance(PERIOD + late)
        self.assertEqual(0.25, self.lag.longest)

    def test_it_is_forgotten_after_one_to_two_windows(self) -> None:
        self.lag.measure(True)
        self.clock.advance(PERIOD + 1.0)
        for _ in range(WINDOW):
            self.clock.advance(PERIOD)
        self.assertEqual(1.0, self.lag.longest)
        for _ in range(WINDOW):
            self.clock.advance(PERIOD)
        self.assertEqual(0.0, self.lag.longest)

    def test_it_costs_nothing_while_it_is_off(self) -> None:
        self.lag.measure(False)
        self.lag.measure(True)
        self.lag.measure(True)
        self.assertEqual(1, len(self.clock.getDelayedCalls()))
        self.lag.measure(False)
        self.assertEqual([], self.clock.getDelayedCalls())
