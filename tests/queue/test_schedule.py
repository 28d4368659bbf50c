"""Back-off, and clocks that jump."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.model import Queue
from mailhost.config.section import DAY, HOUR, MINUTE
from mailhost.queue.schedule import Agenda, Backoff, Timetable

NOW = 1_700_000_000.0
jumps = st.floats(-1e10, 1e10)


def steady(settings: Queue | None = None) -> Backoff:
    """A back-off without chance."""
    return Backoff(settings or Queue(), lambda: 0.5)


class Waits(SynchronousTestCase):
    """How long until the next attempt."""

    def test_doubles_up_to_the_longest(self) -> None:
        waits = [steady().wait(attempts) / MINUTE for attempts in range(1, 10)]
        for got, wanted in zip(waits, (5, 10, 20, 40, 80, 160, 240, 240, 240), strict=True):
            self.assertAlmostEqual(got, wanted)

    def test_new_ones_do_not_wait(self) -> None:
        self.assertEqual(steady().wait(0), 0)

    def test_many_attempts(self) -> None:
        self.assertAlmostEqual(steady().wait(100_000), 4 * HOUR)

    def test_what_failed_together_parts(self) -> None:
        earliest = Backoff(Queue(), lambda: 0.0).wait(1)
        latest = Backoff(Queue(), lambda: 0.999).wait(1)
        self.assertAlmostEqual(earliest, 4.5 * MINUTE)
        self.assertGreater(latest, 5.4 * MINUTE)


class Jumps(SynchronousTestCase):
    """Times read from files."""

    @settings(deadline=None)
    @given(jumps, st.integers(0, 50))
    def test_nobody_waits_longer_than_the_back_off(self, jump: float, attempts: int) -> None:
        backoff = steady()
        left = backoff.left(NOW + jump, NOW, attempts)
        self.assertGreaterEqual(left, 0)
        self.assertLessEqual(left, backoff.longest_wait(attempts))

    @settings(deadline=None)
    @given(jumps)
    def test_a_jump_counts_for_one_longest_wait_at_most(self, jump: float) -> None:
        waited = steady().waited(100.0, NOW, NOW + jump)
        self.assertGreaterEqual(waited, 100.0)
        self.assertLessEqual(waited, 100.0 + 4 * HOUR)

    def test_a_time_that_makes_sense_is_kept(self) -> None:
        self.assertEqual(steady().left(NOW + 60, NOW, 3), 60)
        self.assertEqual(steady().left(NOW - 60, NOW, 3), 0)
        self.assertEqual(steady().waited(100.0, NOW, NOW + 60), 160)

    def test_long_overdue_mail_does_not_come_all_at_once(self) -> None:
        chances = iter([0.0, 0.3, 0.6, 0.9])
        backoff = Backoff(Queue(), lambda: next(chances))
        lefts = [backoff.left(NOW, NOW + 30 * DAY, 3) for _ in range(4)]
        self.assertEqual(len(set(lefts)), 4)
        self.assertLess(max(lefts), 5 * MINUTE)


class Agendas(SynchronousTestCase):
    """The times of attempts."""

    def test_order_and_replacement(self) -> None:
        agenda = Agenda()
        agenda.put("a", 3.0)
        agenda.put("b", 1.0)
        agenda.put("c", 2.0)
        agenda.put("b", 5.0)
        agenda.drop("c")
        self.assertEqual(agenda.first(), 3.0)
        self.assertEqual(agenda.take(2.9), [])
        self.assertEqual(agenda.take(10.0), ["a", "b"])
        self.assertIsNone(agenda.first())
        self.assertIsNone(agenda.due("a"))


class Timetables(SynchronousTestCase):
    """One timer for all that waits."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.due: list[str] = []
        self.timetable = Timetable(self.clock, self.clock.seconds, self.due.extend)

    def test_what_is_due_at_the_start_does_not_wait(self) -> None:
        self.timetable.put("a", 0.0)
        self.assertEqual([], self.due)
        self.timetable.start()
        self.assertEqual(["a"], self.due)

    def test_a_shorter_wait_moves_the_timer(self) -> None:
        self.timetable.start()
        self.timetable.put("a", 30.0)
        self.timetable.put("b", 10.0)
        (timer,) = self.clock.calls
        self.assertEqual(10.0, timer.getTime())
        self.clock.advance(10.0)
        self.assertEqual(["b"], self.due)

    def test_stopped_it_has_no_timer(self) -> None:
        self.timetable.start()
        self.timetable.put("a", 30.0)
        self.timetable.stop()
        self.timetable.put("b", 10.0)
        self.assertEqual([], self.clock.calls)
