"""The names of this host."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.certificates import names
from mailhost.web.hosts import LABELS, HostKind, WebHost
from tests.web.serving import hosts


class HostsTests(SynchronousTestCase):
    def test_each_kind(self) -> None:
        for name, kind, domain in (
            ("mx.example.org", HostKind.HOST, "example.org"),
            ("example.org", HostKind.DOMAIN, "example.org"),
            ("alias.example", HostKind.DOMAIN, "alias.example"),
            ("mail.example.net", HostKind.MAIL, "example.net"),
            ("mta-sts.example.net", HostKind.MTA_STS, "example.net"),
            ("MTA-STS.alias.example", HostKind.MTA_STS, "alias.example"),
            ("autoconfig.example.org", HostKind.AUTOCONFIG, "example.org"),
            ("autodiscover.example.org", HostKind.AUTODISCOVER, "example.org"),
        ):
            self.assertEqual(hosts().find(name), WebHost(kind, domain))

    def test_certificates_are_ordered_for_the_same_names(self) -> None:
        self.assertEqual(set(LABELS), set(names.LABELS))

    def test_a_host_outside_of_its_domains(self) -> None:
        self.assertEqual(hosts("mx.isp.example").find("mx.isp.example"), WebHost(HostKind.HOST, ""))

    def test_other_names(self) -> None:
        for name in ("", "www.example.org", "org", "other.example", "host.example.org", "[::1]"):
            self.assertIsNone(hosts().find(name))
        for name in ("mail.mail.example.org", "192.0.2.1", "domain.example.org", "a" * 300):
            self.assertIsNone(hosts().find(name))
