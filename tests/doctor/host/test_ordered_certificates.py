"""Certificates that the host orders by ACME, as far as the data folder tells."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.certificates.folder import StoredCertificate
from mailhost.certificates.state import Retry, Schedule, State
from mailhost.config.model import Settings
from mailhost.dns_records.facts import DomainFacts
from mailhost.dns_records.own_domain import OwnDomain
from mailhost.doctor.context import DoctorContext, OwnDomains
from mailhost.doctor.finding import Finding, Verdict
from mailhost.doctor.host.ordered_certificates import DAY, Ordered, ordered_certificates_check
from mailhost.net.tls.certificate import CertificateFiles, parse_certificate
from tests.authority import Authority
from tests.doctor.host.case import found_by, settings_of
from tests.queue.fakes import here
from tests.relay.fake_resolver import FakeResolver

HOST = "mail.blue.net"
CAUSE = "mail.blue.net by http-01: the authority said: connection refused"
TEXT = f"{CAUSE}. Remedy: let the authority reach port 80 of the addresses of {HOST}"


class OrderedTests(SynchronousTestCase):
    def setUp(self) -> None:
        pem = Authority.new().issue(HOST, ends=30)
        files: CertificateFiles = parse_certificate(pem)
        self.stored = StoredCertificate(HOST, files)
        self.now = self.stored.ends - 30 * DAY

    def settings(self, agree: bool = True) -> Settings:
        return settings_of(tls={"acme": {"agree": agree}}, dns={"addresses": ["9.9.9.9"]})

    def found(
        self,
        state: State | None = None,
        stored: bool = True,
        agree: bool = True,
        addresses: dict[str, Any] | None = None,
    ) -> list[Finding]:
        settings = self.settings(agree)
        ordered = Ordered({HOST: self.stored} if stored else {}, state or State())
        own = OwnDomain(settings, DomainFacts("blue.net"), False)
        clock, names = cast(Any, Clock()), addresses or {}
        resolver = FakeResolver(addresses={HOST: ["9.9.9.9"], **names})
        context = DoctorContext(clock, here, resolver, None, OwnDomains((own,)))
        check = ordered_certificates_check(
            context, settings, lambda: self.now, lambda data: ordered
        )
        return [*found_by(check)]

    def bad(self, found: list[Finding]) -> list[tuple[str, Verdict]]:
        return [(each.name, each.verdict) for each in found if each.fault]

    def test_nothing_is_ordered(self) -> None:
        self.assertEqual([], self.found(agree=False))

    def test_all_is_well(self) -> None:
        first = self.found()[0]
        self.assertEqual(Verdict.OK, first.verdict)
        self.assertIn("1 in use or ready; the first ends at ", first.seen)
        self.assertIn("none yet", self.found(stored=False)[0].seen)

    def test_an_order_that_fails_is_one_finding(self) -> None:
        retry = Retry(3, self.now - 60, self.now + 3600, TEXT)
        state = State(attempts={HOST: retry}, names={HOST: retry})
        found = self.found(state)
        self.assertEqual([("doctor/certificate-order-fails", Verdict.WARNING)], self.bad(found))
        self.assertTrue(found[0].seen.startswith(f"{CAUSE} (3 attempts failed, the next is at "))
        self.assertEqual(
            f"Let the authority reach port 80 of the addresses of {HOST}.", found[0].remedy
        )

    def test_it_is_serious_without_a_certificate_that_holds(self) -> None:
        state = State(names={HOST: Retry(1, self.now, self.now, TEXT)})
        name = "doctor/certificate-order-fails"
        self.assertEqual([(name, Verdict.FAILURE)], self.bad(self.found(state, stored=False)))
        self.now += 29 * DAY
        self.assertEqual([(name, Verdict.FAILURE)], self.bad(self.found(state)))

    def test_a_renewal_that_is_late(self) -> None:
        state = State(schedules={HOST: Schedule(renew=self.now)})
        self.assertEqual([], self.bad(self.found(state)))
        self.now += 2 * DAY
        found = self.found(state)
        self.assertEqual([("doctor/certificate-renewal-late", Verdict.WARNING)], self.bad(found))
        self.assertEqual(("mailhost certificates renew",), found[0].copy)

    def test_names_that_lead_elsewhere_are_a_note(self) -> None:
        addresses = {f"{label}.blue.net": ["9.9.9.9"] for label in ("autoconfig", "mta-sts")}
        found = self.found(addresses={**addresses, "autodiscover.blue.net": ["198.51.100.1"]})
        self.assertEqual([], self.bad(found))
        self.assertEqual(
            "left out, as they do not lead to this host: autodiscover.blue.net (it leads to "
            "198.51.100.1)",
            found[-1].seen,
        )
