"""Outcomes: the fate of a recipient for a status."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.outcome import Fate, outcome_of
from mailhost.message.status import Status
from tests.fakes import path


class OutcomeTests(SynchronousTestCase):
    def test_outcomes(self) -> None:
        for code, fate, settled in (
            (250, Fate.DELIVERED, True),
            (452, Fate.DEFERRED, False),
            (550, Fate.FAILED, True),
        ):
            outcome = outcome_of(path("a@b"), Status(code, "", ""), Fate.DELIVERED)
            self.assertEqual((outcome.fate, outcome.settled), (fate, settled))
