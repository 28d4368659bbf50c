"""The sums that `mailhost status` shows first."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.interfaces.events import Received
from mailhost.message.client import Client
from mailhost.observe.counts import Counts
from mailhost.observe.totals import totals
from tests.observe.samples import ANN, KEYS


class TotalsTests(SynchronousTestCase):
    def test_sums_over_protocols_and_results(self) -> None:
        counts = Counts()
        for event, _ in KEYS:
            counts.emit(event)
        counts.emit(Received(Client("192.0.2.1", 1, "smtp"), "two", ANN, (ANN,), 5, ""))
        self.assertEqual(
            {
                "received": 2,
                "refused": 2,
                "queued": 2,
                "delivered": 1,
                "relayed": 1,
                "deferred": 1,
                "failed": 1,
                "passed_on": 1,
                "bounces": 1,
                "parked": 1,
                "logins": 1,
                "refused_logins": 1,
                "faults": 1,
            },
            totals(counts.events),
        )

    def test_zeros_are_there_from_the_start(self) -> None:
        self.assertEqual({0}, set(totals({}).values()))
