"""Facts for plans, read from the settings."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.model import Settings
from mailhost.dns_records.facts import HostFacts
from mailhost.dns_records.from_settings import domain_facts, host_facts
from mailhost.mta_sts.policy import Mode
from tests.dns_records.facts import ADDRESSES


def settings(**more: Any) -> Settings:
    """Settings of a host."""
    return Settings.model_validate(
        {"version": 1, "hostname": "mail.example.com", "data": "/data"} | more
    )


class HostTests(SynchronousTestCase):
    """Services and addresses."""

    def test_services_of_the_default_listeners(self) -> None:
        services = host_facts(settings(), ADDRESSES).services
        self.assertEqual(
            [("_submissions._tcp", 465), ("_imaps._tcp", 993), ("_pop3s._tcp", 995)],
            [(each.label, each.port) for each in services],
        )

    def test_services_that_other_hosts_can_reach(self) -> None:
        listen = [
            {"protocol": "submissions", "endpoint": "tcp:127.0.0.1:465"},
            {"protocol": "submission", "endpoint": "tcp:2587"},
            {"protocol": "imaps", "endpoint": "systemd:domain=INET6:index=0"},
            {"protocol": "imap", "endpoint": "tcp:143"},
            {"protocol": "smtp", "endpoint": "unix:/smtp.sock"},
        ]
        services = host_facts(settings(listen=listen), ADDRESSES).services
        self.assertEqual(
            [("_submission._tcp", 2587), ("_imaps._tcp", 993)],
            [(each.label, each.port) for each in services],
        )

    def test_the_source_address(self) -> None:
        facts = host_facts(settings(relay={"bind": "1.2.3.4"}), ADDRESSES)
        self.assertEqual(("1.2.3.4",), facts.senders)
        self.assertEqual((), host_facts(settings(relay={"bind": "10.0.0.1"}), ADDRESSES).senders)

    def test_the_addresses_of_a_sender_domain(self) -> None:
        own = {"sending": {"address": ["1.2.3.4", "2a00::1"]}}
        local = {"sending": {"address": "127.0.0.9"}}
        found = settings(domain={"a.example": own, "b.example": local})
        self.assertEqual(("ip4:1.2.3.4", "ip6:2a00::1"), domain_facts(found, "a.example").spf)
        self.assertEqual((), domain_facts(found, "b.example").spf)


class WebTests(SynchronousTestCase):
    """Records that follow from the web listener."""

    def test_the_default_listeners_with_the_table(self) -> None:
        more = settings(web={}, mta_sts={"mode": "enforce"})
        host, own = host_facts(more, ADDRESSES), domain_facts(more, "example.com")
        self.assertEqual((443, ("_autodiscover._tcp", 443)), (host.https, _last_service(host)))
        other = domain_facts(settings(web={}), "example.com")
        assert own.sts is not None and other.sts is not None
        self.assertEqual((Mode.ENFORCE, ("mail.example.com",)), (own.sts.mode, own.sts.mx))
        self.assertIs(Mode.TESTING, other.sts.mode)

    def test_none(self) -> None:
        self.assertEqual(0, host_facts(settings(), ADDRESSES).https)
        self.assertIsNone(domain_facts(settings(), "example.com").sts)

    def test_behind_a_reverse_proxy_and_at_another_port(self) -> None:
        smtp = {"protocol": "smtp", "endpoint": "tcp:25"}
        for protocol, endpoint, port in (
            ("http", "tcp:127.0.0.1:8080", 443),
            ("https", "tcp:8443", 8443),
        ):
            listen = [smtp, {"protocol": protocol, "endpoint": endpoint}]
            found = host_facts(settings(web={}, listen=listen), ADDRESSES)
            self.assertEqual(port, found.https)

    def test_the_address_for_reports_about_tls(self) -> None:
        more = settings(tls_reports={"addresses": {"example.com": "tls@example.com"}})
        facts = domain_facts(more, "example.com")
        self.assertEqual("tls@example.com", str(facts.tls_reports))


def _last_service(host: HostFacts) -> tuple[str, int]:
    return host.services[-1].label, host.services[-1].port


class ReportTests(SynchronousTestCase):
    """The address for DMARC reports."""

    def test_both_tables(self) -> None:
        tables = {
            "dmarc": {"reports": {"a.example": "dmarc@a.example"}},
            "domain": {"b.example": {"dmarc_reports": "dmarc@a.example"}},
        }
        for domain, address in (("a.example", "dmarc@a.example"), ("b.example", "dmarc@a.example")):
            self.assertEqual(address, str(domain_facts(settings(**tables), domain).reports))
        self.assertIsNone(domain_facts(settings(**tables), "c.example").reports)


class RouteTests(SynchronousTestCase):
    """Smarthosts in SPF."""

    def facts(self, *routes: dict[str, str], **dns: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
        facts = domain_facts(settings(relay={"route": routes}, dns=dns), "a.example.com")
        return facts.spf, facts.unknown_routes

    def test_a_known_provider(self) -> None:
        route = {"via": "email-smtp.eu-west-1.amazonaws.com:587"}
        self.assertEqual((("include:amazonses.com",), ()), self.facts(route, route))

    def test_an_unknown_one_until_the_settings_have_a_mechanism(self) -> None:
        route = {"via": "smtp.isp.example:587"}
        self.assertEqual(((), ("smtp.isp.example",)), self.facts(route))
        spf = ["include:_spf.isp.example"]
        self.assertEqual((tuple(spf), ()), self.facts(route, spf=spf))

    def test_mechanisms_of_one_domain(self) -> None:
        dns = {"spf": ["mx:b.example"], "spf_of": {"a.example.com": ["include:news.example"]}}
        self.assertEqual((("mx:b.example", "include:news.example"), ()), self.facts(**dns))
        facts = host_facts(settings(dns=dns), ADDRESSES, receives=True)
        self.assertEqual(("mx:b.example",), facts.spf)
        self.assertEqual((), host_facts(settings(dns=dns), ADDRESSES).spf)

    def test_routes_for_other_senders_and_to_own_machines(self) -> None:
        self.assertEqual(((), ()), self.facts({"from": "example.com", "via": "smtp.isp.example"}))
        self.assertEqual(((), ()), self.facts({"via": "10.0.0.5:25"}, {"via": "localhost:26"}))
        below = self.facts({"from": "*.example.com", "via": "smtp.isp.example"})
        self.assertEqual(((), ("smtp.isp.example",)), below)
