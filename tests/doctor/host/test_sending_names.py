"""The names and addresses of mail of single sender domains, forward and reverse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.task import Clock

from mailhost.doctor.finding import Finding, Verdict
from mailhost.doctor.host.sending_names import sending_names_check
from mailhost.interfaces.dns import Found
from tests.doctor.host.case import HostCase, found_by, settings_of
from tests.lookups import RecordsLookUp

HELLO, OWN = "out.red.net", "8.8.8.8"
REVERSE = "8.8.8.8.in-addr.arpa"


class SendingNamesTests(HostCase):
    def setUp(self) -> None:
        super().setUp()
        self.records: dict[tuple[str, str], Any] = {
            ("A", HELLO): [OWN],
            ("PTR", REVERSE): [HELLO],
        }
        self.asked: list[tuple[str, str]] = []

    def found(self, sending: dict[str, Any], **more: Any) -> Sequence[Finding]:
        """The findings about red.net; the machine itself has the address 9.9.9.9."""
        dns = RecordsLookUp(self.records)
        relay = {"domain": {"red.net": sending}, **more.pop("relay", {})}
        settings = settings_of(relay=relay, **more)
        found = found_by(sending_names_check(settings, dns, Clock(), lambda: ["9.9.9.9"]))
        self.asked = dns.asked
        return found

    def test_right(self) -> None:
        found = self.found({"address": OWN, "hello": HELLO})
        self.assert_fine(found)
        self.assertEqual([f"reverse name of {OWN}"], [each.tried for each in found])

    def test_the_hosts_own_name_and_addresses_are_left_to_another_check(self) -> None:
        for sending in ({}, {"hello": "mail.blue.net"}):
            self.assertEqual([], self.found(sending))
        self.assertEqual([], self.asked)

    def test_no_reverse_name(self) -> None:
        del self.records["PTR", REVERSE]
        finding = self.only(self.found({"address": OWN, "hello": HELLO}), "ptr-missing")
        self.assertEqual((f"{REVERSE}. PTR {HELLO}.",), finding.copy)

    def test_a_reverse_name_that_is_not_the_one_in_the_greeting(self) -> None:
        """Without a name of its own, mail of the domain has the hostname in EHLO."""
        self.records["A", "mail.blue.net"] = [OWN]
        finding = self.only(self.found({"address": OWN}), "ptr-other-name", Verdict.WARNING)
        self.assertIn("the host greets as mail.blue.net", finding.seen)

    def test_a_name_that_does_not_lead_to_the_address(self) -> None:
        self.records["A", HELLO] = ["1.1.1.1"]
        found = self.found({"address": OWN, "hello": HELLO})
        finding = self.only(found, "host-address-not-in-dns")
        self.assertIn("red.net", finding.tried)
        self.assertIn(f"DNS has other addresses for {HELLO}", finding.seen)
        self.assertEqual((f"{HELLO}. A {OWN}",), finding.copy)

    def test_a_name_without_addresses(self) -> None:
        del self.records["A", HELLO]
        finding = self.only(self.found({"hello": HELLO}), "host-address-not-in-dns")
        self.assertIn(f"DNS has no address for {HELLO}", finding.seen)
        self.assertEqual((f"{HELLO}. A 9.9.9.9",), finding.copy)

    def test_a_name_for_the_addresses_that_all_mail_has(self) -> None:
        """The reverse names of these are those of the host, and are checked there."""
        self.records["A", HELLO] = ["9.9.9.9"]
        self.assert_fine(self.found({"hello": HELLO}))
        self.assertNotIn("PTR", [kind for kind, _ in self.asked])
        self.records["A", HELLO] = [OWN]
        self.assert_fine(self.found({"hello": HELLO}, relay={"bind": OWN}))

    def test_several_domains_with_the_same_have_one_finding(self) -> None:
        del self.records["PTR", REVERSE]
        own = {"address": OWN, "hello": HELLO}
        relay = {"domain": {"also.red.net": own}}
        domain = {"red.net": {"aliases": ["red.org"], "sending": own}}
        settings = settings_of(relay=relay, domain=domain)
        check = sending_names_check(settings, RecordsLookUp(self.records), Clock(), list)
        self.only(found_by(check), "ptr-missing")

    def test_no_answer(self) -> None:
        self.records |= {("A", HELLO): Found.FAILED, ("AAAA", HELLO): Found.FAILED}
        found = self.found({"address": OWN, "hello": HELLO})
        self.only(found, "dns-unanswered", Verdict.UNKNOWN)

    def test_private_addresses_and_names_for_tests_are_not_asked_about(self) -> None:
        self.assertEqual([], self.found({"address": "10.0.0.1", "hello": HELLO}))
        self.assertEqual([], self.found({"address": OWN, "hello": "out.example.test"}))
        self.assertEqual([], self.asked)
