"""Which checks a TARGET has: DNS says whether a name is a domain or a server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred

from mailhost.doctor.checks import Check
from mailhost.doctor.context import DoctorContext, OwnDomains
from mailhost.doctor.target import parse_target
from mailhost.doctor.targets import SECONDS, TargetOptions, checks_of_target
from mailhost.interfaces.dns import MXRecord
from tests.doctor.domain.zones import RIGHT, DomainCase, own_domain, settings
from tests.lookups import RecordsLookUp, SilentLookUp


class TargetsTests(DomainCase):
    def setUp(self) -> None:
        self.servers: list[tuple[str, int | None, str]] = []

    def server(
        self, context: DoctorContext, host: str, port: int | None, options: TargetOptions
    ) -> Sequence[Check]:
        """Notes which server is to be examined."""
        self.servers.append((host, port, options.recipient))
        return []

    def start(
        self, text: str, dns: Any, own: OwnDomains | None = None, loaded: Any = None
    ) -> Deferred[Sequence[Check]]:
        context = self.context(dns, own, loaded)
        target = parse_target(text)
        return Deferred.fromCoroutine(
            checks_of_target(context, target, TargetOptions(), self.server)
        )

    def topics(self, text: str, mx: Sequence[MXRecord] | None = None) -> set[str]:
        """The topics of the checks; `mx` replaces the MX records of example.com."""
        dns = RecordsLookUp(RIGHT | ({} if mx is None else {("MX", "example.com"): mx}))
        return {check.topic for check in self.successResultOf(self.start(text, dns))}

    def test_a_domain(self) -> None:
        self.assertEqual({"Domain example.com"}, self.topics("example.com"))
        hosts = ("mail.example.com", "two.example.com")
        self.assertEqual([(host, 25, "") for host in hosts], self.servers)

    def test_a_domain_that_does_not_exist(self) -> None:
        self.assertEqual({"Domain no.example.com"}, self.topics("no.example.com"))
        self.assertEqual(
            {"Domain bücher.example (xn--bcher-kva.example)"}, self.topics("bücher.example")
        )
        self.assertEqual([], self.servers)

    def test_a_domain_of_this_host(self) -> None:
        own = OwnDomains((own_domain("example.com"),))
        for text, hosts in (("example.com", 0), ("ann@example.com", 2)):
            self.servers.clear()
            self.successResultOf(self.start(text, RecordsLookUp(RIGHT), own))
            self.assertEqual(hosts, len(self.servers))

    def test_the_port_of_the_settings(self) -> None:
        loaded = settings(doctor={"port_offset": 2000})
        self.successResultOf(self.start("example.com", RecordsLookUp(RIGHT), None, loaded))
        self.assertEqual({2025}, {port for _, port, _ in self.servers})

    def test_a_server(self) -> None:
        for text in ("mail.example.com", "example.com:25", "192.0.2.1"):
            named = not text[0].isdigit()
            self.assertEqual({"Network"} if named else set(), self.topics(text))
        expected = [
            ("mail.example.com", None, ""),
            ("example.com", 25, ""),
            ("192.0.2.1", None, ""),
        ]
        self.assertEqual(expected, self.servers)

    def test_a_recipient(self) -> None:
        self.assertEqual({"Domain example.com"}, self.topics("Ann@example.com"))
        hosts = ("mail.example.com", "two.example.com")
        self.assertEqual([(host, 25, "Ann@example.com") for host in hosts], self.servers)

    def test_a_recipient_without_mx_records(self) -> None:
        self.assertEqual({"Domain example.com"}, self.topics("ann@example.com", []))
        self.assertEqual([("example.com", 25, "ann@example.com")], self.servers)

    def test_hosts_that_cannot_be_reached_are_left_out(self) -> None:
        null = [MXRecord(0, "")]
        dangling = [MXRecord(0, "no.example.com"), MXRecord(9, "two.example.com")]
        self.topics("ann@example.com", null)
        self.topics("ann@example.com", dangling)
        self.assertEqual([("two.example.com", 25, "ann@example.com")], self.servers)

    def test_an_alias_is_examined_by_its_own_name(self) -> None:
        dns = RecordsLookUp(RIGHT | {("CNAME", "mail.example.com"): ["host.example.org"]})
        self.successResultOf(self.start("example.com", dns))
        self.assertEqual(
            ["host.example.org", "two.example.com"], [each[0] for each in self.servers]
        )

    def test_an_address_literal(self) -> None:
        self.topics("ann@[192.0.2.1]")
        self.assertEqual([("192.0.2.1", 25, "ann@[192.0.2.1]")], self.servers)

    def test_dns_is_silent(self) -> None:
        running = self.start("ann@example.com", SilentLookUp())
        self.clock.advance(SECONDS)
        servers, mx = self.successResultOf(running)
        self.assertEqual("DNS servers answer", servers.title)
        [found] = self.faults(self.run_all([mx]))
        self.assertEqual("doctor/dns-unanswered", found.name)
        self.assertEqual([], self.servers)
