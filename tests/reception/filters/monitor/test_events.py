"""Lines of JSON for messages."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.interfaces.verdict import Decision, Finding, Stage
from mailhost.message.content import Content
from mailhost.message.status import OK, Status
from mailhost.reception.filters.monitor.events import EventsFilter
from tests.fakes import (
    RecordingEvents,
)
from tests.queue.fakes import here
from tests.reception.filters.mails import message

MAIL = message("Subject: x\nMessage-ID: <1@b>\n\nhi\n", "ann@a.example", "bob@a.example")


class BrokenContent(Content):
    """A content whose header raises, as a bug would."""

    def header(self) -> bytes:
        raise ZeroDivisionError


class EventsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = self.mktemp()
        self.clock = Clock()
        self.log = RecordingEvents()
        self.events = EventsFilter(self.path, self.clock, here, self.log)

    def lines(self) -> list[dict[str, Any]]:
        """Return the lines in the file."""
        with open(self.path, encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def test_a_line_for_each_message(self) -> None:
        finding = Finding("dns", Stage.RECIPIENT, Decision.REJECT, "listed", True)
        self.events.ended(MAIL, [finding], [OK])
        self.events.ended(MAIL, [], [Status(550, "5.7.1", "No")])
        self.clock.advance(0)
        first, second = self.lines()
        self.assertEqual(first["sender"], "sue@far.example")
        self.assertEqual(first["recipients"], ["ann@a.example", "bob@a.example"])
        self.assertEqual((first["subject"], first["message_id"]), ("x", "<1@b>"))
        self.assertEqual(first["findings"][0]["filter"], "dns")
        self.assertTrue(first["findings"][0]["observed"])
        self.assertEqual((first["accepted"], second["accepted"]), (True, False))
        self.assertEqual(second["answers"], ["550 5.7.1 No"])

    def test_a_renamed_file_is_made_again(self) -> None:
        for _ in range(2):
            self.events.ended(MAIL, [], [OK])
            self.clock.advance(0)
            os.rename(self.path, self.path + ".old")
        self.events.ended(MAIL, [], [OK])
        self.clock.advance(0)
        self.assertEqual(len(self.lines()), 1)

    def test_reasons_that_are_no_valid_text(self) -> None:
        """The reason of a filter may have any characters; later lines are written too."""
        odd = Finding("own", Stage.MESSAGE, Decision.TAG, "odd \udcff\n\ud800", False)
        for _ in range(2):
            self.events.ended(MAIL, [odd], [OK])
            self.clock.advance(0)
        self.assertEqual([line["findings"][0]["filter"] for line in self.lines()], ["own", "own"])

    def test_lines_after_a_bug(self) -> None:
        broken = replace(MAIL, content=BrokenContent(()))
        self.events.ended(broken, [], [OK])
        self.clock.advance(0)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.events.ended(MAIL, [], [OK])
        self.clock.advance(0)
        self.assertEqual(len(self.lines()), 1)

    def test_a_fault_is_logged_once(self) -> None:
        os.mkdir(self.path)
        for _ in range(3):
            self.events.ended(MAIL, [], [OK])
            self.clock.advance(0)
        self.assertEqual(len(self.log.lines), 1)
        os.rmdir(self.path)
        self.events.ended(MAIL, [], [OK])
        self.clock.advance(0)
        self.assertEqual(len(self.lines()), 1)
