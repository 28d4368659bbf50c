"""Lanes of one attempt: outcomes survive the others' bugs."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeAlias

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from mailhost.concurrency.pauses import Pause, no_pause
from mailhost.interfaces.queue import Carried, Lane
from mailhost.message.outcome import Fate, Outcome
from mailhost.message.status import OK
from mailhost.queue.lanes import LANES_AT_ONCE, carry_lanes
from tests.fakes import Pauses, now, path

ANN, BOB = (Outcome(path(f"{name}@x.example"), Fate.RELAYED, OK) for name in ("ann", "bob"))
BUG = ZeroDivisionError()

_Results: TypeAlias = dict[str, Awaitable[Carried]]


def begin(results: _Results) -> Deferred[Carried]:
    """Carry one lane for each result; its next hop is the name."""
    lanes = [Lane(name, ()) for name in results]
    return Deferred.fromCoroutine(carry_lanes(lanes, lambda lane: results[str(lane.next_hop)]))


class Some(SynchronousTestCase):
    def test_all_outcomes(self) -> None:
        work = begin({"a": succeed(Carried([ANN])), "b": succeed(Carried([BOB]))})
        self.assertEqual(Carried([ANN, BOB]), self.successResultOf(work))

    def test_none(self) -> None:
        self.assertEqual(Carried([]), self.successResultOf(begin({})))

    def test_a_bug_comes_with_the_outcomes_of_the_others(self) -> None:
        slow: Deferred[Carried] = Deferred()
        work = begin({"a": succeed(Carried([ANN], BUG)), "b": slow})
        self.assertNoResult(work)
        slow.callback(Carried([BOB]))
        self.assertEqual(Carried([ANN, BOB], BUG), self.successResultOf(work))

    def test_a_lane_that_is_alone(self) -> None:
        self.assertEqual(
            Carried([ANN], BUG), self.successResultOf(begin({"a": succeed(Carried([ANN], BUG))}))
        )
        self.assertEqual(Carried([], BUG), self.successResultOf(begin({"a": fail(BUG)})))

    def test_cancelling_reaches_every_lane(self) -> None:
        lanes: list[Deferred[Carried]] = [Deferred(), Deferred()]
        work = begin(dict(zip("ab", lanes, strict=True)))
        work.cancel()
        self.assertIsInstance(self.successResultOf(work).bug, CancelledError)
        for lane in lanes:
            self.assertTrue(lane.called)


class Many(SynchronousTestCase):
    """Lanes of a message for thousands of domains."""

    def setUp(self) -> None:
        self.begun: list[Deferred[Carried]] = []

    def wait(self, lane: Lane) -> Deferred[Carried]:
        """Carry a lane that waits."""
        self.begun.append(Deferred())
        return self.begun[-1]

    def begin(self, pause: Pause = no_pause) -> Deferred[Carried]:
        """Begin a thousand lanes that wait."""
        return Deferred.fromCoroutine(carry_lanes([Lane("x", ())] * 1000, self.wait, pause))

    def test_a_bounded_number_is_under_way(self) -> None:
        work = self.begin()
        for ended in range(1000):
            self.assertEqual(min(ended + LANES_AT_ONCE, 1000), len(self.begun))
            self.begun[ended].callback(Carried([ANN]))
        self.assertEqual([ANN] * 1000, self.successResultOf(work).outcomes)

    def test_the_reactor_serves_others_between_lanes(self) -> None:
        pauses = Pauses()
        lanes = [Lane("x", ())] * 1000

        async def carry(lane: Lane) -> Carried:
            return Carried([ANN])

        self.assertEqual(1000, len(now(carry_lanes(lanes, carry, pauses)).outcomes))
        self.assertGreater(pauses.count, 900)
        pauses.count = 0
        now(carry_lanes(lanes[:3], carry, pauses))
        self.assertEqual(0, pauses.count)

    def test_no_lane_begins_after_a_cancellation(self) -> None:
        pausing: list[Deferred[None]] = []

        def pause() -> Deferred[None]:
            pausing.append(Deferred())
            return pausing[-1]

        work = self.begin(pause)
        begun = len(self.begun)
        self.begun[0].callback(Carried([ANN]))
        work.cancel()
        carried = self.successResultOf(work)
        self.assertEqual(([ANN], begun), (carried.outcomes, len(self.begun)))
        self.assertIsInstance(carried.bug, CancelledError)
