"""A domain in DNS and on web servers, and the findings of the doctor about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.load import Loaded
from mailhost.config.model import Settings
from mailhost.config.secrets import Secrets
from mailhost.dns_records.from_settings import domain_facts
from mailhost.dns_records.own_domain import OwnDomain
from mailhost.dns_records.published.mx import published_mx
from mailhost.doctor.checks import Check, CheckResult, run_checks
from mailhost.doctor.context import DoctorContext, OwnDomains
from mailhost.doctor.domain.checks import checks_of_domain
from mailhost.doctor.finding import Finding, Verdict
from mailhost.interfaces.dns import MXRecord, SRVRecord, TLSARecord
from mailhost.mta_sts.policy import policy_url
from mailhost.net.https_fetch import Fetched, FetchFailed
from tests.lookups import RecordsLookUp, answered

Changes = Mapping[tuple[str, str], Any]
POLICY = b"version: STSv1\r\nmode: enforce\r\nmx: *.example.com\r\nmax_age: 604800\r\n"
AUTOCONFIG = "https://autoconfig.example.com/mail/config-v1.1.xml"
URL = policy_url("example.com")
RIGHT: dict[tuple[str, str], Any] = {
    ("MX", "example.com"): [MXRecord(10, "mail.example.com"), MXRecord(20, "two.example.com")],
    ("A", "example.com"): ["1.2.3.4"],
    ("A", "mail.example.com"): ["1.2.3.4"],
    ("AAAA", "mail.example.com"): ["2606:4700::1"],
    ("A", "two.example.com"): ["9.9.9.9"],
    ("A", "imap.example.com"): ["1.2.3.4"],
    ("TXT", "example.com"): [b"v=spf1 mx -all", b"other=1"],
    ("TXT", "_dmarc.example.com"): [b"v=DMARC1; p=reject; rua=mailto:d@example.com"],
    ("TXT", "_mta-sts.example.com"): [b"v=STSv1; id=20260101"],
    ("TXT", "_smtp._tls.example.com"): [b"v=TLSRPTv1; rua=mailto:t@example.com,https://a.example"],
    ("TLSA", "_25._tcp.mail.example.com"): [TLSARecord(3, 1, 1, bytes(32))],
    ("SRV", "_submissions._tcp.example.com"): [SRVRecord(0, 1, 465, "imap.example.com")],
    ("SRV", "_imaps._tcp.example.com"): [SRVRecord(0, 1, 993, "imap.example.com")],
    ("SRV", "_pop3s._tcp.example.com"): [SRVRecord(0, 0, 0, "")],
}
FILES: dict[str, Any] = {
    URL: Fetched(200, "text/plain", POLICY),
    AUTOCONFIG: Fetched(200, "text/xml", b'<?xml version="1.0"?><clientConfig version="1.1">'),
}


def settings(**tables: Any) -> Loaded:
    """The loaded settings of a host."""
    values = {"version": 1, "hostname": "mail.example.org", "data": "/data", **tables}
    return Loaded(Settings.model_validate(values), Secrets({}), "/mailhost.toml")


def own_domain(name: str, **tables: Any) -> OwnDomain:
    """A domain of the host, which is not signed."""
    made = settings(**tables).settings
    return OwnDomain(made, domain_facts(made, name), False)


class Files:
    """Files over HTTPS, or the exceptions in their place."""

    def __init__(self, files: Mapping[str, Any]) -> None:
        self.files = files

    async def fetch(self, url: str) -> Fetched:
        found = self.files.get(url, FetchFailed("no such host"))
        if isinstance(found, FetchFailed):
            raise found
        assert isinstance(found, Fetched)
        return found


class DomainCase(SynchronousTestCase):
    """Examines domains whose DNS is in memory."""

    def context(self, dns: Any, own: OwnDomains | None = None, loaded: Any = None) -> Any:
        """Return the context of the checks, with `clock` as the reactor."""
        self.clock = Clock()
        reactor: Any = self.clock
        in_thread: Any = None
        return DoctorContext(reactor, in_thread, dns, loaded, own or OwnDomains())

    def results(
        self,
        changes: Changes | None = None,
        files: Mapping[str, Any] | None = None,
        domain: str = "example.com",
    ) -> list[CheckResult]:
        """The results for a domain where all is RIGHT but for some records and files."""
        dns = RecordsLookUp({**RIGHT, **(changes or {})})
        fetch = Files({**FILES, **(files or {})}).fetch
        published = answered(published_mx(domain), dns.records)
        return self.run_all(checks_of_domain(self.context(dns), published, fetch))

    def run_all(self, checks: Sequence[Check]) -> list[CheckResult]:
        """The results of checks that end at once."""
        running = run_checks(checks, self.clock, lambda result: None)
        return self.successResultOf(Deferred.fromCoroutine(running))

    def faults(self, results: Sequence[CheckResult]) -> list[Finding]:
        """The findings that are not ok; each of them says what to do."""
        found = [each for result in results for each in result.findings]
        bad = [each for each in found if each.verdict is not Verdict.OK]
        for finding in bad:
            self.assertTrue(finding.remedy and finding.seen and finding.fault, finding)
        return bad
