"""Domains of this host: what `mailhost dns --check` says, as findings of the doctor."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred

from mailhost.dns_records.facts import CertificateKey, HostCertificates
from mailhost.dns_records.finding import DNSFinding, DNSVerdict, SeenRecord
from mailhost.dns_records.own_domain import OwnDomain
from mailhost.dns_records.published.mx import published_mx
from mailhost.dns_records.record import PlannedRecord, Topic
from mailhost.doctor.checks import Check, run_checks
from mailhost.doctor.context import OwnDomains
from mailhost.doctor.domain.checks import checks_of_domain
from mailhost.doctor.domain.hosted import (
    SECONDS,
    ServersOrResolver,
    own_domain_check,
    own_domains_check,
    translated,
)
from mailhost.doctor.finding import Finding, Verdict
from mailhost.interfaces.dns import Found, MXRecord, SRVRecord, mx_of
from mailhost.mta_sts.own import own_policy, policy_text
from mailhost.net.https_fetch import Fetched
from tests.dns_records.fake_dns import FakeServers
from tests.doctor.domain.zones import FILES, POLICY, URL, DomainCase, Files, own_domain
from tests.lookups import RecordsLookUp, SilentLookUp, answered

TABLES: dict[str, Any] = {
    "hostname": "mail.example.com",
    "dns": {"addresses": ["1.2.3.4"]},
    "listen": [{"protocol": "submissions", "endpoint": "tcp:465"}],
}

WEB = [*TABLES["listen"], {"protocol": "https", "endpoint": "tcp:443"}]


def own(name: str, **tables: Any) -> OwnDomain:
    """A domain of the host mail.example.com."""
    return own_domain(name, **TABLES | tables)


def zone(name: str) -> dict[tuple[str, str], Any]:
    """The records that DNS should have for a domain."""
    return {
        ("MX", name): [MXRecord(10, "mail.example.com")],
        ("TXT", name): [b"v=spf1 mx -all"],
        ("TXT", f"_dmarc.{name}"): [b"v=DMARC1; p=reject"],
        ("SRV", f"_submissions._tcp.{name}"): [SRVRecord(0, 1, 465, "mail.example.com")],
    }


HOST = {
    ("A", "mail.example.com"): ["1.2.3.4"],
    ("TXT", "mail.example.com"): [b"v=spf1 ip4:1.2.3.4 -all"],
    ("PTR", "4.3.2.1.in-addr.arpa"): ["mail.example.com"],
}
RIGHT = {**HOST, **zone("example.com"), **zone("example.net")}
OWN = OwnDomains((own("example.com"), own("example.net")))


class Resolver(RecordsLookUp):
    """Records, and the addresses of hosts."""

    async def addresses(self, host: str) -> list[str]:
        return list(self.records.get(("A", host), ()))


class SilentResolver(SilentLookUp):
    """Never replies."""

    async def addresses(self, host: str) -> list[str]:
        return await Deferred()


class HostedCase(DomainCase):
    def findings(self, changes: Any = None, domains: OwnDomains = OWN) -> list[Finding]:
        """The findings about all domains of this host."""
        dns = Resolver(RIGHT | (changes or {}))
        return self.found(own_domains_check(self.context(dns, domains), FakeServers(ns1=dns)))

    def found(self, check: Check) -> list[Finding]:
        """The findings of one check."""
        [result] = self.run_all([check])
        return list(result.findings)


class AllTests(HostedCase):
    """`mailhost doctor` alone."""

    def test_a_line_for_each_domain_that_is_right(self) -> None:
        found = self.findings(domains=replace(OWN, left_out=7))
        self.assertEqual(
            [
                ("DNS records of example.com", "all 5 are right"),
                ("DNS records of example.net", "all 5 are right"),
                ("other domains of this host", "7 more are not examined; `mailhost doctor DOMAIN`"),
            ],
            [(each.tried, each.seen.removesuffix(" does it")) for each in found],
        )
        self.assertEqual([], self.findings(domains=OwnDomains()))

    def test_a_fault(self) -> None:
        found = self.findings({("TXT", "_dmarc.example.com"): []})
        wrong, right = found
        self.assertEqual(("doctor/dns-dmarc", Verdict.WARNING), (wrong.name, wrong.verdict))
        self.assertEqual(('_dmarc.example.com. 3600 IN TXT "v=DMARC1; p=none"',), wrong.copy)
        self.assertIs(Verdict.OK, right.verdict)

    def test_the_same_fault_of_several_records(self) -> None:
        listen = [*TABLES["listen"], {"protocol": "imaps", "endpoint": "tcp:993"}]
        domains = OwnDomains((own("example.com", listen=listen),))
        [found] = self.findings({("SRV", "_submissions._tcp.example.com"): []}, domains)
        names = [f"_{name}._tcp.example.com" for name in ("submissions", "imaps")]
        self.assertEqual("; ".join(f"SRV of {name}" for name in names), found.tried)
        self.assertEqual(names, [line.split(". ")[0] for line in found.copy])

    def test_a_fault_of_the_host_is_one_finding(self) -> None:
        """Each domain has the records of the host in its plan."""
        found = self.findings({("TXT", "mail.example.com"): []})
        self.assertEqual(["doctor/dns-spf"], [each.name for each in found])
        found = self.findings({("PTR", "4.3.2.1.in-addr.arpa"): []})
        self.assertEqual({Verdict.OK}, {each.verdict for each in found})

    def test_a_reverse_name_has_the_faults_of_the_check_of_the_host(self) -> None:
        for seen, verdict, name in (
            (DNSVerdict.MISSING, Verdict.FAILURE, "doctor/ptr-missing"),
            (DNSVerdict.HARMFUL, Verdict.FAILURE, "doctor/ptr-not-confirmed"),
            (DNSVerdict.DIFFERENT, Verdict.WARNING, "doctor/ptr-other-name"),
        ):
            found = translated(DNSFinding(Topic.REVERSE, "reverse name", seen, "a name"))
            self.assertEqual((verdict, name), (found.verdict, found.name))

    def test_a_domain_that_does_not_exist_is_one_finding(self) -> None:
        dns = Resolver({**HOST, **zone("example.com")})
        found = self.found(own_domains_check(self.context(dns, OWN), FakeServers(ns1=dns)))
        self.assertEqual(["", "doctor/domain-missing"], [each.name for each in found])

    def test_names_for_tests_are_not_asked_for(self) -> None:
        [found] = self.findings(domains=OwnDomains((own("books.test"),)))
        self.assertEqual("this is no name of the public DNS, so nothing was asked", found.seen)

    def test_all_silent(self) -> None:
        check = own_domains_check(self.context(SilentLookUp(), OWN), FakeServers())
        running = Deferred.fromCoroutine(run_checks([check], self.clock, lambda result: None))
        self.clock.advance(SECONDS)
        [result] = self.successResultOf(running)
        [found] = self.faults([result])
        self.assertEqual(("doctor/dns-unanswered", Verdict.UNKNOWN), (found.name, found.verdict))
        self.assertEqual("DNS records of example.com; DNS records of example.net", found.tried)

    def test_all_silent_and_no_addresses_in_the_settings(self) -> None:
        silent: Any = SilentResolver()
        domains = OwnDomains((own("example.com", dns={}),))
        check = own_domains_check(self.context(silent, domains), FakeServers())
        running = Deferred.fromCoroutine(run_checks([check], self.clock, lambda result: None))
        self.clock.pump([SECONDS / 8] * 9)
        [result] = self.successResultOf(running)
        [found] = self.faults([result])
        self.assertEqual("doctor/dns-unanswered", found.name)


class OneTests(HostedCase):
    """`mailhost doctor DOMAIN` for a domain of this host."""

    def test_a_finding_about_each_record(self) -> None:
        dns = Resolver(RIGHT)
        context = self.context(dns, OWN)
        servers = FakeServers(ns1=dns)
        found = self.found(own_domain_check(context, own("example.com"), "Domain", servers))
        self.assertEqual({Verdict.OK}, {each.verdict for each in found})
        self.assertIn("reverse name of 1.2.3.4", [each.tried for each in found])

    def test_with_what_no_plan_has(self) -> None:
        published = answered(published_mx("example.com"), RIGHT)
        checks = checks_of_domain(self.context(Resolver(RIGHT), OWN), published, Files(FILES).fetch)
        titles = [check.title for check in checks]
        expected = ["the records of `mailhost dns --check`", "MTA-STS", "TLSA", "TLS-RPT"]
        self.assertEqual([*expected, "autoconfig"], titles)


class PolicyTests(HostedCase):
    """The policy of MTA-STS of a domain of this host, as it is fetched."""

    def policy(self, body: bytes | None, **more: Any) -> Finding:
        domain = own("example.com", listen=WEB, **more)
        owns = OwnDomains((domain,))
        published = answered(published_mx("example.com"), RIGHT)
        files = {} if body is None else {URL: Fetched(200, "text/plain", body)}
        context = self.context(Resolver(RIGHT), owns)
        checks = checks_of_domain(context, published, Files(files).fetch)
        [check] = [check for check in checks if check.title == "MTA-STS"]
        [found] = self.found(check)
        return found

    def test_that_of_the_settings(self) -> None:
        policy = own_policy(own("example.com", listen=WEB).settings, "example.com")
        found = self.policy(policy_text(policy))
        self.assertEqual((Verdict.OK, policy.summary), (found.verdict, found.seen))

    def test_another_one(self) -> None:
        found = self.policy(POLICY)
        self.assertEqual("doctor/mta-sts-other-policy", found.name)
        self.assertIn("mode enforce", found.seen)
        self.assertIn("the settings have mode testing", found.seen)

    def test_none(self) -> None:
        self.assertEqual("doctor/mta-sts-policy", self.policy(None).name)

    def test_what_the_plan_has_is_not_checked_twice(self) -> None:
        key = CertificateKey(b"key")
        domain = replace(
            own("example.com", tls_reports={"addresses": {"example.com": "t@example.com"}}),
            certificates=HostCertificates((key,)),
        )
        published = answered(published_mx("example.com"), RIGHT)
        context = self.context(Resolver(RIGHT), OwnDomains((domain,)))
        checks = checks_of_domain(context, published, Files({}).fetch)
        self.assertEqual({"MTA-STS", "autoconfig"}, {each.title for each in checks[1:]})


class TranslationTests(DomainCase):
    """One finding of `mailhost dns --check`."""

    def test_verdicts(self) -> None:
        for topic in Topic:
            for verdict in DNSVerdict:
                given = DNSFinding(topic, "a", verdict, "could not be asked: b", "c")
                found = translated(given)
                self.assertIs(verdict is DNSVerdict.RIGHT, found.verdict is Verdict.OK)
                self.assertIs(verdict is DNSVerdict.UNKNOWN, found.verdict is Verdict.UNKNOWN)
                self.assertIs(verdict is not DNSVerdict.RIGHT, found.fault is not None)
        missing = DNSFinding(Topic.MAIL, "a", DNSVerdict.MISSING, "b")
        self.assertIs(Verdict.FAILURE, translated(missing).verdict)

    def test_lines_to_copy(self) -> None:
        add = PlannedRecord("a.example", "MX", "10 b.example.", Topic.MAIL, "")
        remove = SeenRecord("a.example", "MX", "0 .")
        found = DNSFinding(Topic.MAIL, "a", DNSVerdict.HARMFUL, "b", "c", (add,), (remove,))
        lines = ("; remove: a.example. MX 0 .", "a.example. 3600 IN MX 10 b.example.")
        self.assertEqual(lines, translated(found).copy)


class ServersOrResolverTests(DomainCase):
    def ask(self, servers: FakeServers, name: str) -> tuple[str, ...]:
        """The names of those that replied."""
        asked = ServersOrResolver(servers, RecordsLookUp(RIGHT))
        found = self.successResultOf(Deferred.fromCoroutine(asked.ask_all(mx_of(name))))
        return tuple(found.replies)

    def test_the_servers_answer(self) -> None:
        self.assertEqual(("ns1",), self.ask(FakeServers(ns1=RecordsLookUp(RIGHT)), "example.com"))

    def test_no_server_can_be_asked(self) -> None:
        self.assertEqual(("the resolver",), self.ask(FakeServers(), "example.com"))
        failing = RecordsLookUp({("MX", "example.com"): Found.FAILED})
        servers = FakeServers(ns1=failing)
        self.assertEqual(("the resolver",), self.ask(servers, "example.com"))

    def test_further_questions_do_not_wait_for_them(self) -> None:
        servers = FakeServers()
        asked = ServersOrResolver(servers, RecordsLookUp(RIGHT))
        for _ in range(2):
            found = self.successResultOf(Deferred.fromCoroutine(asked.ask_all(mx_of("a.example"))))
            self.assertEqual(["the resolver"], list(found.replies))
            servers.servers = {"ns1": RecordsLookUp(RIGHT)}
