"""Lists of networks, names and addresses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.filters.block import List
from mailhost.config.lists import BadEntry
from mailhost.interfaces.verdict import PASS, Decision, Stage
from mailhost.reception.filters.block.listed import ListFilter
from tests.fakes import RecordingEvents, envelope
from tests.queue.fakes import here
from tests.reception.filters.mails import RCPT


class ListTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.events = RecordingEvents()

    def make(self, **settings: Any) -> ListFilter:
        return ListFilter(List(kind="list", **settings), self.clock, here, self.events)

    def test_each_part_of_a_mail_at_its_stage(self) -> None:
        for look_at, entry, stage in (
            ("client", "192.0.2.0/24", Stage.CONNECTED),
            ("hello", "*.example", Stage.HELLO),
            ("sender", "far.example", Stage.SENDER),
            ("recipient", "ann@a.example", Stage.RECIPIENT),
        ):
            filter = self.make(look_at=look_at, entries=(entry,))
            self.assertEqual(filter.stages, (stage,))
            verdict = filter.look(RCPT)
            self.assertEqual(str(verdict.status), f"550 5.7.1 Your {look_at} is refused")
            self.assertIn("is listed", verdict.reason)
            other = self.make(look_at=look_at, entries=("2001:db8::",))
            self.assertIs(other.look(RCPT), PASS)

    def test_the_empty_sender(self) -> None:
        filter = self.make(look_at="sender", entries=("<>",))
        bounce = replace(RCPT, envelope=envelope(sender=""))
        self.assertIs(filter.look(bounce).decision, Decision.REJECT)

    def test_faults_at_the_start_are_raised(self) -> None:
        self.assertRaises(OSError, self.make, file="/nowhere/list")
        self.assertRaises(BadEntry, self.make, entries=("nonsense",))
