"""Uses of app passwords are collected, and written once in a while."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.logins.last_uses import PERIOD, LastUses, Uses
from mailhost.message.address import Address
from tests.fakes import RecordingEvents
from tests.store.boxes import here

ANN = Address("ann", "example.com")


class LastUsesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.events = RecordingEvents()
        self.written: list[Uses] = []
        self.broken = False
        self.uses = LastUses(self.clock, here, self.write, self.events, self.clock.seconds)
        self.uses.start()

    def write(self, uses: Uses) -> None:
        if self.broken:
            raise OSError("disk on fire")
        self.written.append(uses)

    def test_many_uses_are_written_together(self) -> None:
        for _ in range(3):
            self.clock.advance(100)
            self.uses.used(ANN, "phone")
            self.uses.used(ANN, "tablet")
        self.assertEqual(self.written, [])
        self.clock.advance(PERIOD)
        self.assertEqual(self.written, [{(ANN, "phone"): 300, (ANN, "tablet"): 300}])
        self.clock.advance(PERIOD)
        self.assertEqual(len(self.written), 1)

    def test_what_could_not_be_written_waits(self) -> None:
        self.broken = True
        self.uses.used(ANN, "phone")
        self.clock.advance(PERIOD)
        self.assertIn("disk on fire", str(self.events.lines))
        self.broken = False
        self.clock.advance(PERIOD)
        self.assertEqual(self.written, [{(ANN, "phone"): 0}])

    def test_the_rest_is_written_at_the_end(self) -> None:
        self.uses.used(ANN, "phone")
        self.successResultOf(Deferred.fromCoroutine(self.uses.stop()))
        self.assertEqual(len(self.written), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])
