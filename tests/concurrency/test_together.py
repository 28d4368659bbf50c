"""Parts of one delivery: outcomes survive the others' bugs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from mailhost.concurrency.together import AT_ONCE, together
from mailhost.interfaces.queue import Unfinished
from mailhost.message.outcome import Fate, Outcome
from mailhost.message.status import OK
from tests.fakes import RestartDelays, now, path

ANN, BOB = (Outcome(path(f"{name}@x.example"), Fate.RELAYED, OK) for name in ("ann", "bob"))


def _same(part: Deferred[Sequence[Outcome]]) -> Deferred[Sequence[Outcome]]:
    return part


class Together(SynchronousTestCase):
    def test_all_outcomes(self) -> None:
        self.assertEqual(
            [ANN, BOB], now(together([lambda: succeed([ANN]), lambda: succeed([BOB])]))
        )

    def test_a_bug_comes_with_what_the_others_did(self) -> None:
        bug = ZeroDivisionError()
        slow: Deferred[Sequence[Outcome]] = Deferred()
        inner = fail(Unfinished(bug, [ANN]))
        work = Deferred.fromCoroutine(together([lambda: inner, lambda: slow]))
        self.assertNoResult(work)
        slow.callback([BOB])
        unfinished = self.failureResultOf(work, Unfinished).value
        self.assertEqual((bug, [ANN, BOB]), (unfinished.bug, unfinished.outcomes))

    def test_a_part_that_is_alone(self) -> None:
        self.assertEqual([ANN], now(together([lambda: succeed([ANN])])))
        bug = ZeroDivisionError()
        for error, outcomes in ((bug, []), (Unfinished(bug, [ANN]), [ANN])):
            work = Deferred.fromCoroutine(together([partial(fail, error)]))
            unfinished = self.failureResultOf(work, Unfinished).value
            self.assertEqual((bug, outcomes), (unfinished.bug, list(unfinished.outcomes)))

    def test_cancelling_reaches_every_part(self) -> None:
        parts: list[Deferred[Sequence[Outcome]]] = [Deferred(), Deferred()]
        work = Deferred.fromCoroutine(together([partial(_same, part) for part in parts]))
        work.cancel()
        unfinished = self.failureResultOf(work, Unfinished).value
        self.assertIsInstance(unfinished.bug, CancelledError)


class Many(SynchronousTestCase):
    """Parts of a message for thousands of domains."""

    def setUp(self) -> None:
        self.begun: list[Deferred[Sequence[Outcome]]] = []

    def part(self) -> Deferred[Sequence[Outcome]]:
        """One that waits."""
        self.begun.append(Deferred())
        return self.begun[-1]

    def test_a_bounded_number_is_under_way(self) -> None:
        work = Deferred.fromCoroutine(together([self.part] * 1000))
        for ended in range(1000):
            self.assertEqual(min(ended + AT_ONCE, 1000), len(self.begun))
            self.begun[ended].callback([ANN])
        self.assertEqual([ANN] * 1000, self.successResultOf(work))

    def test_others_have_turns(self) -> None:
        pauses = RestartDelays()
        parts = [lambda: succeed([ANN])] * 1000
        self.assertEqual(1000, len(now(together(parts, pauses))))
        self.assertGreater(pauses.count, 900)
        pauses.count = 0
        now(together(parts[:3], pauses))
        self.assertEqual(0, pauses.count)

    def test_none_begins_once_it_is_broken_off(self) -> None:
        pausing: list[Deferred[None]] = []

        def pause() -> Deferred[None]:
            pausing.append(Deferred())
            return pausing[-1]

        work = Deferred.fromCoroutine(together([self.part] * 1000, pause))
        begun = len(self.begun)
        self.begun[0].callback([ANN])
        work.cancel()
        unfinished = self.failureResultOf(work, Unfinished).value
        self.assertEqual(([ANN], begun), (unfinished.outcomes, len(self.begun)))
