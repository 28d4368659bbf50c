"""The phases of an entry, and changes that would be a bug."""

from __future__ import annotations

from itertools import pairwise

from twisted.trial.unittest import SynchronousTestCase

from mailhost.queue.active import TRANSITIONS, ActiveEntry, Phase
from mailhost.queue.entry import Entry, first_state
from tests.queue.fakes import START, envelope

ENTRY = Entry("m1", "m1", START, envelope("bob@there.example"), 100)


def active(phase: Phase = Phase.WAITING) -> ActiveEntry:
    """An entry in this phase."""
    return ActiveEntry(ENTRY, first_state(ENTRY), 0.0, phase=phase)


class Phases(SynchronousTestCase):
    def test_the_way_of_an_entry_that_is_tried_twice_and_settled(self) -> None:
        attempt = (Phase.READY, Phase.RUNNING)
        way = (Phase.WAITING, *attempt, Phase.WAITING, *attempt, Phase.GONE)
        entry = active()
        for _, phase in pairwise(way):
            entry.move(phase)
        self.assertIs(entry.phase, Phase.GONE)

    def test_an_operator_may_remove_it_in_every_phase(self) -> None:
        for phase in (Phase.WAITING, Phase.READY, Phase.RUNNING):
            active(phase).move(Phase.GONE)

    def test_what_is_not_in_the_table_is_a_bug(self) -> None:
        for before in Phase:
            for after in set(Phase) - TRANSITIONS[before]:
                entry = active(before)
                self.assertRaises(ValueError, entry.move, after)
                self.assertIs(entry.phase, before)

    def test_an_entry_that_is_gone_stays_so(self) -> None:
        self.assertEqual(TRANSITIONS[Phase.GONE], frozenset())

    def test_time_on_hold_does_not_count(self) -> None:
        entry = active()
        entry.count(10.0)
        entry.state = entry.state.__class__(entry.state.recipients, 0.0, waited=10.0, held=True)
        entry.count(30.0)
        self.assertEqual((entry.state.waited, entry.since), (10.0, 30.0))
