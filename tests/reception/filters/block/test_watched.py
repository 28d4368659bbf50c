"""Lists in files that change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.filters.block import List
from mailhost.interfaces.verdict import PASS, Decision
from mailhost.reception.filters.block.listed import ListFilter
from mailhost.reception.filters.block.watched import CHECK_INTERVAL
from tests.fakes import RecordingEvents
from tests.queue.fakes import here
from tests.reception.filters.mails import RCPT


class WatchedTests(SynchronousTestCase):
    """A list filter with a file."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.events = RecordingEvents()

    def make(self, **settings: Any) -> ListFilter:
        return ListFilter(List(kind="list", **settings), self.clock, here, self.events)

    def test_a_file_is_read_again_when_it_changes(self) -> None:
        file = Path(self.mktemp())
        file.write_text("198.51.100.0/24\n")
        filter = self.make(entries=("203.0.113.1",), file=str(file))
        self.assertIs(filter.look(RCPT), PASS)
        file.write_text("192.0.2.7  # now him too\n")
        self.assertIs(filter.look(RCPT), PASS)  # the next check of the file is due later
        self.clock.advance(CHECK_INTERVAL)
        filter.look(RCPT)
        self.assertIs(filter.look(RCPT).decision, Decision.REJECT)
        self.assertEqual(len(self.events.lines), 1)

    def test_a_file_that_is_no_list_any_more_changes_nothing(self) -> None:
        file = Path(self.mktemp())
        file.write_text("192.0.2.7\n")
        filter = self.make(file=str(file))
        for fault in (lambda: file.write_text("nonsense\n"), file.unlink):
            fault()
            for _ in range(3):
                self.clock.advance(CHECK_INTERVAL)
                self.assertIs(filter.look(RCPT).decision, Decision.REJECT)
        self.assertEqual(len(self.events.lines), 2)
        self.assertIn("'nonsense' is no IP address", self.events.lines[0])
        file.write_text("198.51.100.1\n")
        self.clock.advance(CHECK_INTERVAL)
        filter.look(RCPT)
        self.assertIs(filter.look(RCPT), PASS)
