"""Destinations take turns."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.queue.fair_schedule import FairSchedule


class Fairness(SynchronousTestCase):
    """No destination starves."""

    def test_destinations_alternate(self) -> None:
        turns = FairSchedule(100)
        for number in range(5):
            turns.add(f"a{number}", "a", True)
        turns.add("b0", "b", True)
        turns.add("c0", "c", True)
        taken = [turn[0] for _ in range(7) if (turn := turns.take())]
        self.assertEqual(taken, ["a0", "b0", "c0", "a1", "a2", "a3", "a4"])

    def test_one_destination_leaves_places(self) -> None:
        turns = FairSchedule(8)
        for number in range(100):
            turns.add(f"a{number}", "a", False)
        self.assertEqual([turns.take() is not None for _ in range(3)], [True, True, False])
        turns.add("b", "b", True)
        self.assertEqual(turns.take(), ("b", "b"))

    def test_all_places(self) -> None:
        turns = FairSchedule(3)
        for name in "abcde":
            turns.add(name, name, True)
        self.assertEqual([turn and turn[0] for turn in (turns.take() for _ in range(4))][-1], None)
        turns.done("a", True)
        self.assertEqual(turns.take(), ("d", "d"))

    def test_a_dead_destination_gets_less_and_recovers(self) -> None:
        turns = FairSchedule(40)
        for number in range(100):
            turns.add(f"a{number}", "a", False)
        self.assertEqual(self._fill(turns), 10)
        for _ in range(10):
            turns.done("a", False)
        self.assertEqual(self._fill(turns), 1)
        turns.done("a", True)
        self.assertEqual(self._fill(turns), 2)

    def test_new_mail_and_old_mail_alternate(self) -> None:
        turns = FairSchedule(100)
        for number in range(3):
            turns.add(f"old{number}", "a", False)
        for number in range(3):
            turns.add(f"new{number}", "a", True)
        taken = [turn[0] for _ in range(6) if (turn := turns.take())]
        self.assertEqual(taken, ["new0", "old0", "new1", "old1", "new2", "old2"])

    def test_nothing_is_kept_of_who_is_through(self) -> None:
        turns = FairSchedule(4)
        turns.add("x", "a", True)
        turns.take()
        turns.done("a", True)
        self.assertIsNone(turns.take())
        self.assertEqual(turns.running, 0)

    def _fill(self, turns: FairSchedule) -> int:
        count = 0
        while turns.take():
            count += 1
        return count
