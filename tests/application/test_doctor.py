"""The doctor in the head: what the very first start logs."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any, cast

from twisted.internet.task import Clock

from mailhost.application import doctor
from mailhost.application.doctor import AFTER_START, HeadDoctor
from mailhost.doctor.host.local_facts import LocalFacts
from mailhost.durable.blocking import BlockingCommitter
from mailhost.durable.system import OperatingSystem
from mailhost.interfaces.accounts import DirectoryView
from mailhost.observe.counts import Counts
from mailhost.observe.totals import totals
from tests.doctor.host.case import DOMAIN, HostCase
from tests.fakes import FakeHandover, RecordingEvents, outgoing_of
from tests.queue.fakes import here

# no port, where another program may listen
LISTEN = '[[listen]]\nprotocol = "lmtp"\nendpoint = "unix:lmtp.sock"\n'


class HeadDoctorCase(HostCase):
    """A doctor on a Clock; no host runs on its data folder."""

    more = ""
    domain = ""

    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        self.events = RecordingEvents()
        self.patch(doctor, "own_threads", lambda reactor: here)
        base: Any = SimpleNamespace(
            data=self.data,
            events=self.events,
            in_thread=here,
            directory=SimpleNamespace(view=DirectoryView()),
            resolver=None,  # is not asked: the host's name is one for tests
            commit_now=BlockingCommitter(OperatingSystem()),
        )
        loaded = self.load(self.more, self.domain, listen=LISTEN)
        self.handover = FakeHandover()
        outgoing = outgoing_of("mail.example.test")
        services: Any = SimpleNamespace(
            settings=loaded.settings, outgoing=outgoing, handover=self.handover
        )
        self.doctor = HeadDoctor(cast(Any, self.clock), base, lambda: loaded, lambda: services)


class FirstStartTests(HeadDoctorCase):
    """Without a domain, which is a finding."""

    def test_findings_are_logged_by_name_some_time_after_the_start(self) -> None:
        self.doctor.first_start()
        self.assertEqual([], self.events.lines)
        self.clock.advance(AFTER_START)
        [line] = self.events.lines
        self.assertTrue(line.startswith("doctor/no-domain: failure: domains: there is no"), line)
        counts = Counts()
        for event in self.events.told:
            counts.emit(event)
        self.assertEqual(0, totals(counts.events)["faults"])

    def test_a_stop_before_that(self) -> None:
        self.doctor.start()
        self.doctor.first_start()
        self.doctor.stop()
        self.clock.advance(10 * AFTER_START)
        self.assertEqual(([], []), (self.events.lines, self.clock.getDelayedCalls()))

    def test_without_the_setting_nothing_runs_daily(self) -> None:
        self.doctor.start()
        self.addCleanup(self.doctor.stop)
        self.clock.pump([3600.0] * 30)
        self.assertEqual([], self.events.lines)
        self.assertNotIn("doctor.json", os.listdir(self.data))


class DailyTests(HeadDoctorCase):
    more = "doctor.daily = true\n"
    domain = DOMAIN

    def test_all_checks_of_this_host_run_and_the_admin_gets_mail(self) -> None:
        self.patch(doctor, "facts_of_running_host", lambda loaded: LocalFacts())
        self.doctor.start()
        self.addCleanup(self.doctor.stop)
        self.clock.pump([3600.0] * 30)
        [(envelope, content, _)] = self.handover.taken
        self.assertEqual(["ann@example.test"], [str(each.address) for each in envelope.recipients])
        self.assertIn(b"[doctor/host-not-running]", content)
        self.assertIn("doctor.json", os.listdir(self.data))
