"""Parts of one delivery: outcomes survive the others' bugs."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from mailhost.interfaces import Unfinished
from mailhost.message.outcome import Fate, Outcome
from mailhost.message.status import OK
from mailhost.net.together import together
from tests.fakes import now, path

ANN, BOB = (Outcome(path(f"{name}@x.example"), Fate.RELAYED, OK) for name in ("ann", "bob"))


class Together(SynchronousTestCase):
    def test_all_outcomes(self) -> None:
        self.assertEqual([ANN, BOB], now(together([succeed([ANN]), succeed([BOB])])))

    def test_a_bug_comes_with_what_the_others_did(self) -> None:
        bug = ZeroDivisionError()
        slow: Deferred[Sequence[Outcome]] = Deferred()
        inner = fail(Unfinished(bug, [ANN]))
        work = Deferred.fromCoroutine(together([inner, slow]))
        self.assertNoResult(work)
        slow.callback([BOB])
        unfinished = self.failureResultOf(work, Unfinished).value
        self.assertEqual((bug, [ANN, BOB]), (unfinished.bug, unfinished.outcomes))

    def test_a_part_that_is_alone(self) -> None:
        self.assertEqual([ANN], now(together([succeed([ANN])])))
        bug = ZeroDivisionError()
        for error, outcomes in ((bug, []), (Unfinished(bug, [ANN]), [ANN])):
            work = Deferred.fromCoroutine(together([fail(error)]))
            unfinished = self.failureResultOf(work, Unfinished).value
            self.assertEqual((bug, outcomes), (unfinished.bug, list(unfinished.outcomes)))

    def test_cancelling_reaches_every_part(self) -> None:
        parts: list[Deferred[Sequence[Outcome]]] = [Deferred(), Deferred()]
        work = Deferred.fromCoroutine(together(parts))
        work.cancel()
        unfinished = self.failureResultOf(work, Unfinished).value
        self.assertIsInstance(unfinished.bug, CancelledError)
