"""Filters that watch: journals, events."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.interfaces.filters import FilterFailed
from mailhost.interfaces.verdict import Decision, Finding, Stage
from mailhost.message.content import Content
from mailhost.message.status import OK, Status
from mailhost.reception.filters.monitor.events import EventsFilter
from mailhost.reception.filters.monitor.journal import JournalFilter, to_address, to_maildir
from tests.fakes import (
    FakeHandover,
    RecordingEvents,
    address,
    now,
)
from tests.memory_store import MemoryStore
from tests.queue.fakes import here
from tests.reception.filters.mails import message

MAIL = message("Subject: x\nMessage-ID: <1@b>\n\nhi\n", "ann@a.example", "bob@a.example")
COPY = (
    b"X-Envelope-From: <sue@far.example>\r\nX-Envelope-To: <ann@a.example>\r\n"
    b"X-Envelope-To: <bob@a.example>\r\nSubject: x\r\nMessage-ID: <1@b>\r\n\r\nhi\r\n"
)


class BrokenContent(Content):
    """Whoever reads it finds a bug."""

    def header(self) -> bytes:
        raise ZeroDivisionError


class JournalTests(SynchronousTestCase):
    """Copies."""

    def test_to_an_address_from_nobody(self) -> None:
        handover = FakeHandover()
        filter = JournalFilter(to_address(handover, address("j@a.example")), "j@a.example", False)
        verdict = now(filter.look(MAIL))
        self.assertIs(verdict.decision, Decision.COPY)
        ((envelope, content, identity),) = handover.taken
        self.assertIsNone(envelope.reverse_path)
        self.assertEqual([str(path.address) for path in envelope.recipients], ["j@a.example"])
        self.assertEqual((content, identity), (COPY, "m1-journal"))

    def test_into_a_maildir(self) -> None:
        store = MemoryStore()
        now(JournalFilter(to_maildir(store.maildir("/j")), "/j", False).look(MAIL))
        self.assertEqual(store.boxes, {"/j": [COPY]})

    def test_no_copy_no_mail(self) -> None:
        handover = FakeHandover()
        handover.status = Status(452, "4.3.1", "Disk full", "ENOSPC")
        filter = JournalFilter(to_address(handover, address("j@a.example")), "j@a.example", False)
        failure = self.failureResultOf(Deferred.fromCoroutine(filter.look(MAIL)), FilterFailed)
        self.assertIn("452 4.3.1 Disk full ENOSPC", str(failure.value))

    def test_observing_copies_nothing(self) -> None:
        handover = FakeHandover()
        filter = JournalFilter(to_address(handover, address("j@a.example")), "j@a.example", True)
        self.assertIs(now(filter.look(MAIL)).decision, Decision.COPY)
        self.assertEqual(handover.taken, [])


class EventsTests(SynchronousTestCase):
    """Lines of JSON."""

    def setUp(self) -> None:
        self.path = self.mktemp()
        self.clock = Clock()
        self.told = RecordingEvents()
        self.events = EventsFilter(self.path, self.clock, here, self.told)

    def lines(self) -> list[dict[str, Any]]:
        """What was written."""
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

    def test_a_file_that_was_renamed_begins_anew(self) -> None:
        for _ in range(2):
            self.events.ended(MAIL, [], [OK])
            self.clock.advance(0)
            os.rename(self.path, self.path + ".old")
        self.events.ended(MAIL, [], [OK])
        self.clock.advance(0)
        self.assertEqual(len(self.lines()), 1)

    def test_words_that_are_no_text(self) -> None:
        """Filters say anything; one odd line is not the last one."""
        odd = Finding("own", Stage.MESSAGE, Decision.TAG, "odd \udcff\n\ud800", False)
        for _ in range(2):
            self.events.ended(MAIL, [odd], [OK])
            self.clock.advance(0)
        self.assertEqual([line["findings"][0]["filter"] for line in self.lines()], ["own", "own"])

    def test_a_bug_is_not_the_end_of_all_lines(self) -> None:
        broken = replace(MAIL, content=BrokenContent(()))
        self.events.ended(broken, [], [OK])
        self.clock.advance(0)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.events.ended(MAIL, [], [OK])
        self.clock.advance(0)
        self.assertEqual(len(self.lines()), 1)

    def test_what_cannot_be_written_is_told_once(self) -> None:
        os.mkdir(self.path)
        for _ in range(3):
            self.events.ended(MAIL, [], [OK])
            self.clock.advance(0)
        self.assertEqual(len(self.told.lines), 1)
        os.rmdir(self.path)
        self.events.ended(MAIL, [], [OK])
        self.clock.advance(0)
        self.assertEqual(len(self.lines()), 1)
