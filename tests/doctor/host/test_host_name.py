"""The host's name and its addresses in DNS, forward and reverse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from mailhost.doctor.finding import Finding, Verdict
from mailhost.doctor.host.host_name import LOOKUP_SECONDS, host_name_check
from mailhost.interfaces.dns import Found
from tests.doctor.host.case import HostCase, found_by, settings_of
from tests.lookups import RecordsLookUp, SilentLookUp

NAME = "mail.blue.net"
V4, V6 = "9.9.9.9", "2620:fe::fe"
R4 = "9.9.9.9.in-addr.arpa"
R6 = "e.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.e.f.0.0.0.2.6.2.ip6.arpa"


class HostNameTests(HostCase):
    def setUp(self) -> None:
        super().setUp()
        self.records: dict[tuple[str, str], Any] = {
            ("A", NAME): [V4],
            ("AAAA", NAME): [V6],
            ("PTR", R4): [NAME],
            ("PTR", R6): [NAME],
        }
        self.asked: list[tuple[str, str]] = []

    def found(self, own: Sequence[str] = (V4,), **more: Any) -> Sequence[Finding]:
        dns = RecordsLookUp(self.records)
        found = found_by(host_name_check(settings_of(**more), dns, Clock(), lambda: own))
        self.asked = dns.asked
        return found

    def test_right(self) -> None:
        found = self.found()
        self.assert_fine(found)
        self.assertEqual(
            [f"addresses of {NAME}", f"reverse name of {V4}", f"reverse name of {V6}"],
            [each.tried for each in found],
        )

    def test_a_name_without_addresses(self) -> None:
        self.records = {("PTR", R4): [NAME]}
        finding = self.only(self.found(), "host-name-not-in-dns")
        self.assertEqual((f"{NAME}. A {V4}",), finding.copy)
        self.assertEqual((), self.only(self.found(own=()), "host-name-not-in-dns").copy)

    def test_no_reverse_name(self) -> None:
        del self.records["PTR", R6]
        finding = self.only(self.found(), "ptr-missing")
        self.assertEqual((f"{R6}. PTR {NAME}.",), finding.copy)

    def test_a_reverse_name_that_leads_elsewhere(self) -> None:
        self.records["PTR", R4] = ["gone.isp.net"]
        finding = self.only(self.found(), "ptr-not-confirmed")
        self.assertIn("gone.isp.net", finding.seen)

    def test_a_reverse_name_that_leads_back_and_is_not_ours(self) -> None:
        self.records["PTR", R4] = ["static-9.isp.net"]
        self.records["A", "static-9.isp.net"] = [V4]
        self.only(self.found(), "ptr-other-name", Verdict.WARNING)

    def test_an_address_of_the_settings_that_is_not_in_dns(self) -> None:
        self.records["PTR", "8.8.8.8.in-addr.arpa"] = [NAME]
        found = self.found(dns={"addresses": [V4, "8.8.8.8"]})
        bad = [each for each in found if each.verdict is not Verdict.OK]
        # the reverse name leads back to the name, which lacks the address: one cause, one finding
        self.assertEqual(["doctor/host-address-not-in-dns"], [each.name for each in bad])
        self.assertEqual((f"{NAME}. A 8.8.8.8",), bad[0].copy)

    def test_an_address_of_this_machine_from_which_mail_may_leave(self) -> None:
        self.records["PTR", "8.8.8.8.in-addr.arpa"] = [NAME]
        self.only(self.found(own=(V4, "8.8.8.8")), "host-address-not-in-dns")
        self.assert_fine(self.found(own=(V4, "8.8.8.8"), relay={"bind": V4}))

    def test_private_addresses_are_not_asked_about(self) -> None:
        self.records["A", NAME] = [V4, "10.0.0.1"]
        self.assert_fine(self.found())
        self.assertNotIn(("PTR", "1.0.0.10.in-addr.arpa"), self.asked)

    def test_no_answer(self) -> None:
        self.records |= {("A", NAME): Found.FAILED, ("AAAA", NAME): Found.FAILED}
        self.only(self.found(), "dns-unanswered", Verdict.UNKNOWN)
        self.records |= {("A", NAME): [V4], ("AAAA", NAME): [], ("PTR", R4): Found.FAILED}
        self.only(self.found(), "dns-unanswered", Verdict.UNKNOWN)

    def test_no_answer_in_time(self) -> None:
        clock = Clock()
        check = host_name_check(settings_of(), SilentLookUp(), clock, list)

        async def run() -> Sequence[Finding]:
            return await check.run()

        running = Deferred.fromCoroutine(run())
        clock.advance(LOOKUP_SECONDS)
        found = self.successResultOf(running)
        self.only(found, "dns-unanswered", Verdict.UNKNOWN)

    def test_names_for_tests_and_the_demo_are_not_asked_for(self) -> None:
        self.assert_fine(self.found(hostname="mail.example.test"))
        self.assertEqual([], self.asked)
        self.assert_fine(self.found(demo={"accounts": ["a@b.example"]}))
        self.assertEqual([], self.asked)
