"""The entries of the queue, counted by state."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailhost.queue.active import ActiveEntry, Phase
from mailhost.queue.census import PART, Census, CountedState, StateCount, census_of
from mailhost.queue.entry import Entry, first_state
from tests.fakes import Pauses, now
from tests.queue.fakes import envelope

ENTRY = Entry("id", "m1", 1000.0, envelope("bob@there.example"), 10)


def active(arrived: float = 1000.0, phase: Phase = Phase.WAITING, **state: Any) -> ActiveEntry:
    """An entry that arrived then, in this phase and state."""
    entry = replace(ENTRY, arrived=arrived)
    return ActiveEntry(entry, replace(first_state(entry), **state), 0.0, phase=phase)


def counted(*entries: ActiveEntry, broken: int = 0) -> Census:
    return now(census_of(entries, broken, Pauses()))


class CensusTests(SynchronousTestCase):
    def test_each_state(self) -> None:
        for entry, wanted in (
            (active(), CountedState.WAITING),
            (active(phase=Phase.READY), CountedState.WAITING),
            (active(phase=Phase.RUNNING, attempts=1), CountedState.RUNNING),
            (active(attempts=1), CountedState.DEFERRED),
            (active(attempts=1, held=True), CountedState.HELD),
            (active(held=True, quarantine="junk"), CountedState.QUARANTINED),
            (active(quarantine="junk", parked="a bug"), CountedState.PARKED),
        ):
            self.assertEqual({wanted: StateCount(1, 1000.0)}, counted(entry), wanted)

    def test_the_oldest_of_each_state(self) -> None:
        entries = [active(30.0), active(20.0), active(25.0), active(5.0, held=True)]
        wanted = {
            CountedState.WAITING: StateCount(3, 20.0),
            CountedState.HELD: StateCount(1, 5.0),
        }
        self.assertEqual(wanted, counted(*entries))

    def test_files_that_cannot_be_read_are_parked(self) -> None:
        self.assertEqual({CountedState.PARKED: StateCount(2, None)}, counted(broken=2))
        both = counted(active(7.0, parked="a bug"), broken=2)
        self.assertEqual({CountedState.PARKED: StateCount(3, 7.0)}, both)

    def test_a_long_queue_is_counted_in_parts(self) -> None:
        pauses = Pauses()
        found = now(census_of([active()] * (2 * PART + 1), 0, pauses))
        self.assertEqual((2, 2 * PART + 1), (pauses.count, found[CountedState.WAITING].count))
