"""The doctor in the head: what the very first start logs."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any, cast

from twisted.internet.task import Clock

from mailhost.application import doctor
from mailhost.application.doctor import AFTER_START, HeadDoctor
from tests.doctor.host.case import HostCase
from tests.fakes import RecordingEvents
from tests.queue.fakes import here


class FirstStartTests(HostCase):
    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        self.events = RecordingEvents()
        self.patch(doctor, "own_threads", lambda reactor: here)
        base: Any = SimpleNamespace(
            data=self.data,
            events=self.events,
            in_thread=here,
            resolver=None,  # is not asked: the host's name is one for tests
            commit_now=SimpleNamespace(commit=None),
        )
        loaded = self.load(domain="")
        services: Any = SimpleNamespace(settings=loaded.settings, outgoing=None, handover=None)
        self.doctor = HeadDoctor(cast(Any, self.clock), base, lambda: loaded, lambda: services)

    def test_findings_are_logged_by_name_some_time_after_the_start(self) -> None:
        self.doctor.first_start()
        self.assertEqual([], self.events.lines)
        self.clock.advance(AFTER_START)
        [line] = self.events.lines
        self.assertTrue(line.startswith("doctor/no-domain: failure: domains: there is no"), line)

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
