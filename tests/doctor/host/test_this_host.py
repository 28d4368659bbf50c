"""The list of the checks of this host."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.task import Clock

from mailhost.doctor.context import DoctorContext
from mailhost.doctor.host.local_facts import LocalFacts
from mailhost.doctor.this_host import checks_of_first_start, checks_of_this_host
from tests.doctor.host.case import HostCase
from tests.queue.fakes import here

INSIDE = {"data folder", "directory", "queue"}
PORTS = {"listeners", "certificates that ports offer"}


class ThisHostTests(HostCase):
    def setUp(self) -> None:
        super().setUp()
        self.loaded = self.load()
        self.context = DoctorContext(cast(Any, Clock()), here, cast(Any, None), self.loaded)

    def titles(self, local: LocalFacts, over_the_wire: bool = True) -> set[str]:
        checks = checks_of_this_host(self.context, self.loaded, local, over_the_wire)
        return {each.title for each in checks}

    def test_the_daily_run_tries_no_abuse_at_the_listeners(self) -> None:
        daily = self.titles(LocalFacts(), over_the_wire=False)
        self.assertIn("no stranger may relay by the rules", daily)
        tries = self.titles(LocalFacts()) - daily
        self.assertIn("smtp at 127.0.0.1:2525 does not relay for strangers", tries)
        self.assertTrue(all("127.0.0.1:" in each for each in tries), tries)

    def test_the_report_is_there_in_five_seconds(self) -> None:
        checks = checks_of_this_host(self.context, self.loaded, LocalFacts())
        self.assertEqual(len(checks), len({each.title for each in checks}))
        self.assertLess(max(each.seconds for each in checks), 4)  # the start takes about one

    def test_without_the_rights_of_the_user_the_data_folder_is_not_looked_into(self) -> None:
        self.assertEqual(INSIDE, INSIDE & self.titles(LocalFacts()))
        self.assertEqual(set(), INSIDE & self.titles(LocalFacts(user_fault="cannot run")))

    def test_the_first_start_has_opened_its_ports_itself(self) -> None:
        self.assertEqual(PORTS, PORTS & self.titles(LocalFacts()))
        first = {each.title for each in checks_of_first_start(self.context, self.loaded)}
        self.assertEqual(set(), PORTS & first)
        self.assertIn("data folder", first)
