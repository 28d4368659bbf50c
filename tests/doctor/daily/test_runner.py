"""The daily run: once a day, mail only about changes, nothing lost by a crash."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.doctor.checks import CheckResult
from mailhost.doctor.daily.memory import NAME, DoctorMemory
from mailhost.doctor.daily.runner import HOUR, DailyDoctor, DailyServices
from mailhost.doctor.finding import Finding, failure
from mailhost.durable.blocking import BlockingCommitter
from mailhost.durable.system import OperatingSystem
from mailhost.interfaces.events import Faulted, Reported
from mailhost.message.address import Address
from mailhost.message.status import Status
from tests.doctor.daily.test_changes import PTR, ptr, results
from tests.fakes import FakeHandover, RecordingEvents, address, outgoing_of
from tests.queue.fakes import here

START = 1_700_000_000


class DailyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock: Any = Clock()
        self.clock.advance(START)
        self.data = self.mktemp()
        os.makedirs(self.data)
        self.events, self.handover = RecordingEvents(), FakeHandover()
        self.admin: Address | None = address("ann@example.test")
        self.findings: Sequence[Finding] = (ptr(),)
        self.runs = 0
        self.start()

    def start(self) -> None:
        """As a new process of the host does."""
        memory = DoctorMemory(self.data, BlockingCommitter(OperatingSystem()).commit)
        self.doctor = DailyDoctor(
            self.clock,
            here,
            memory,
            self.services,
            self.examine,
            self.events,
            self.clock.seconds,
        )
        self.doctor.start()
        self.addCleanup(self.doctor.stop)

    def services(self) -> DailyServices:
        outgoing = outgoing_of("mail.example.test", self.clock.seconds)
        return DailyServices(self.admin, "mail.example.test", outgoing, self.handover)

    async def examine(self) -> Sequence[CheckResult]:
        self.runs += 1
        return results(*self.findings)

    def hours(self, count: int) -> None:
        self.clock.pump([HOUR] * count)

    def mails(self) -> list[str]:
        """The messages since the last call."""
        taken = [content.decode() for _, content, _ in self.handover.taken]
        self.handover.taken.clear()
        return taken

    def test_mail_about_what_is_new_and_what_is_gone(self) -> None:
        self.hours(1)
        [mail] = self.mails()
        self.assertIn("To: <ann@example.test>\r\n", mail)
        self.assertIn("From: mailhost doctor <postmaster@mail.example.test>\r\n", mail)
        self.assertIn("Subject: Doctor of mail.example.test: 1 new\r\n", mail)
        self.assertIn("failure         reverse name of 192.0.2.1: none", mail)
        self.assertEqual(1, len(self.events.of(Reported)))
        self.findings = ()
        self.hours(24)
        [mail] = self.mails()
        self.assertIn(": 1 gone\r\n", mail)
        self.assertIn("Gone:\r\n  reverse name of 192.0.2.1 [doctor/ptr-missing]", mail)

    def test_once_a_day_and_nothing_without_changes(self) -> None:
        self.hours(24 * 3)
        self.assertEqual((3, 1), (self.runs, len(self.mails())))

    def test_a_restart_runs_nothing_again(self) -> None:
        self.hours(2)
        self.doctor.stop()
        self.start()
        self.hours(20)
        self.assertEqual((1, 1), (self.runs, len(self.mails())))
        self.findings = ()
        self.hours(4)
        self.assertEqual((2, 1), (self.runs, len(self.mails())))

    def test_not_asked_for(self) -> None:
        self.admin = None
        self.hours(48)
        self.assertEqual(([], [], 0), (self.mails(), os.listdir(self.data), self.runs))

    def test_mail_that_is_not_taken_now_is_sent_an_hour_later(self) -> None:
        self.handover.status = Status(451, "4.3.0", "not now")
        self.hours(1)
        self.handover.taken.clear()
        self.assertNotIn(NAME, os.listdir(self.data))
        self.handover.status = Status(250, "2.0.0", "Taken")
        self.hours(1)
        self.assertEqual(1, len(self.mails()))

    def test_a_damaged_memory_makes_all_findings_new(self) -> None:
        self.hours(1)
        self.mails()
        for junk in ("junk", "[]", '{"version": 9}', '{"version":1,"at":0,"findings":[{}]}'):
            with open(os.path.join(self.data, NAME), "w", encoding="ascii") as file:
                file.write(junk)
            self.hours(1)
            self.assertEqual(1, len(self.mails()), junk)

    def test_a_run_that_fails_is_logged(self) -> None:
        async def broken() -> Sequence[CheckResult]:
            raise OSError("no")

        self.doctor._examine = broken
        self.hours(2)
        self.assertEqual(["doctor: the daily run failed: no"] * 2, self.events.lines)
        self.assertEqual(2, len(self.events.of(Faulted)))

    def test_a_stop_in_the_middle_sends_nothing(self) -> None:
        async def stopped() -> Sequence[CheckResult]:
            self.doctor.stop()
            return results(ptr())

        self.doctor._examine = stopped
        self.hours(1)
        self.assertEqual([], self.mails())

    def test_text_of_others_has_no_control_characters(self) -> None:
        self.findings = (failure(PTR, "a", "\x1b[31m\r\nBcc: eve@x.test", "b", "c\x1b\nd"),)
        self.hours(1)
        [mail] = self.mails()
        self.assertNotIn("\x1b", mail)
        self.assertNotIn("\r\nBcc", mail)
