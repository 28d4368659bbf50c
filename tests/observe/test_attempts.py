"""The last attempts, for the doctor to follow a message."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.interfaces.events import Attempted, Notice
from mailhost.message.envelope import ForwardPath
from mailhost.message.outcome import Fate, Outcome
from mailhost.message.status import OK
from mailhost.observe.attempts import MOST, RecentAttempt, RecentAttempts
from tests.fakes import address


def attempted(identity: str) -> Attempted:
    return Attempted(identity, Outcome(ForwardPath(address("ann@example.com")), Fate.RELAYED, OK))


class AttemptsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.attempts = RecentAttempts(lambda: 7.0)

    def test_those_of_one_message(self) -> None:
        for event in (attempted("one"), Notice("ready"), attempted("two"), attempted("one")):
            self.attempts.emit(event)
        self.assertEqual(list(self.attempts.of("two")), [RecentAttempt(7.0, attempted("two"))])
        self.assertEqual(len(list(self.attempts.of("one"))), 2)
        self.assertEqual(list(self.attempts.of("three")), [])

    def test_old_ones_are_forgotten(self) -> None:
        for number in range(MOST + 1):
            self.attempts.emit(attempted(str(number)))
        self.assertEqual(list(self.attempts.of("0")), [])
        self.assertEqual(len(list(self.attempts.of("1"))), 1)
