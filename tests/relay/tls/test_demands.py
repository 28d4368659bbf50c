"""The decision about TLS with the demand of the sender and the memory of a host: all rows."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.model import RouteTLS
from mailhost.dane.lookups import TLSAAnswer
from mailhost.interfaces.dns import TLSARecord
from mailhost.interfaces.tls_sessions import BY_SENDER
from mailhost.message.envelope import Envelope
from mailhost.message.tls_demand import TLSDemand
from mailhost.mta_sts.policy import Mode, STSPolicy
from mailhost.relay.tls.decision import (
    OPPORTUNISTIC,
    HostFacts,
    TLSDecision,
    TLSPolicies,
    TLSUse,
    Verification,
    decide,
)
from mailhost.relay.tls.demands import REQUIRETLS, decide_for_message, demand_of
from mailhost.relay.tls.memory import BestTLS, ExpectedTLS
from tests.fakes import envelope as envelope_to

DOMAIN, MX = "example.org", "mx.example.org"
HOST = HostFacts(MX)
SECURE = replace(HOST, secure=True)
RECORDS = (TLSARecord(3, 1, 1, bytes(32)),)
DANE = replace(SECURE, tlsa=TLSAAnswer(MX, RECORDS), names=(DOMAIN,))
BOGUS = replace(SECURE, tlsa=TLSAAnswer(MX, (), "bogus"), names=(DOMAIN,))
ENFORCE = STSPolicy(Mode.ENFORCE, 86400, (MX,))
TESTING = replace(ENFORCE, mode=Mode.TESTING)
OTHER = replace(TESTING, mx=("other.example.org",))
NO_POLICY = replace(ENFORCE, mode=Mode.NONE)
WEBPKI = (TLSUse.REQUIRED, Verification.WEBPKI, (MX,))


def policies(
    demand: TLSDemand = TLSDemand.USUAL,
    sts: STSPolicy | None = None,
    route: RouteTLS | None = None,
) -> TLSPolicies:
    """What may demand TLS."""
    return TLSPolicies(DOMAIN, route, sts=sts, demand=demand)


def checked(decision: TLSDecision) -> object:
    """The use of TLS and the check of the certificate."""
    return decision.use, decision.verification, decision.names


class RequiredTests(SynchronousTestCase):
    def decide(
        self, host: HostFacts, sts: STSPolicy | None = None, route: RouteTLS | None = None
    ) -> TLSDecision:
        """The decision for a message with REQUIRETLS."""
        return decide_for_message(policies(TLSDemand.REQUIRED, sts, route), host)

    def test_hosts_that_are_found_securely_need_a_certificate(self) -> None:
        for host, sts in (
            (SECURE, None),
            (HOST, ENFORCE),
            (HOST, TESTING),
            (SECURE, NO_POLICY),
            (replace(SECURE, tlsa=TLSAAnswer(MX, ())), None),
        ):
            decision = self.decide(host, sts)
            self.assertEqual(checked(decision), WEBPKI, (host, sts))
            self.assertFalse(decision.refused)
            self.assertTrue(decision.enforced)
            self.assertTrue(decision.decided.startswith(REQUIRETLS))

    def test_the_domain_itself_as_implicit_mx(self) -> None:
        decision = self.decide(HostFacts(DOMAIN))
        self.assertEqual((decision.names, decision.refused), ((DOMAIN,), False))

    def test_tlsa_records_decide_how_the_certificate_is_checked(self) -> None:
        decision = self.decide(DANE)
        self.assertIs(decision.verification, Verification.DANE)
        self.assertEqual(decision.records, RECORDS)
        self.assertIn("REQUIRETLS) and the TLSA records of", decision.decided)

    def test_hosts_that_nothing_names_are_refused(self) -> None:
        for sts in (None, NO_POLICY, OTHER):
            decision = self.decide(HOST, sts)
            self.assertTrue(decision.refused, sts)
            assert decision.problem is not None
            self.assertIn(f"names {MX} as a mail host", decision.problem.text)

    def test_hosts_that_a_policy_refuses(self) -> None:
        self.assertEqual(self.decide(BOGUS), decide(policies(), BOGUS))
        strict = replace(ENFORCE, mx=("other.example.org",))
        self.assertTrue(self.decide(SECURE, strict).refused)

    def test_routes_of_the_settings(self) -> None:
        for route in RouteTLS:
            self.assertEqual(checked(self.decide(HOST, route=route)), WEBPKI, route)

    def test_usual_mail_may_share_its_connection_but_not_the_other_way_round(self) -> None:
        decision = self.decide(SECURE)
        self.assertTrue(decision.fulfils(OPPORTUNISTIC))
        self.assertFalse(OPPORTUNISTIC.fulfils(decision))

    def test_a_bounce_is_not_kept_back(self) -> None:
        required = replace(envelope_to("a@x.example"), tls=TLSDemand.REQUIRED)
        self.assertIs(demand_of(required), TLSDemand.REQUIRED)
        self.assertIs(demand_of(replace(required, reverse_path=None)), TLSDemand.USUAL)
        self.assertIs(demand_of(Envelope(None, tls=TLSDemand.OPTIONAL)), TLSDemand.OPTIONAL)


class OptionalTests(SynchronousTestCase):
    def test_no_policy_of_another_domain_keeps_it_back(self) -> None:
        for host, sts in (
            (HOST, None),
            (HOST, ENFORCE),
            (HOST, TESTING),
            (HOST, replace(ENFORCE, mx=("other.example.org",))),
            (DANE, None),
            (BOGUS, None),
        ):
            decision = decide_for_message(policies(TLSDemand.OPTIONAL, sts), host)
            self.assertFalse(decision.required or decision.refused or decision.enforced)
            self.assertEqual(decision.decided, BY_SENDER)
            self.assertIs(decision.use, TLSUse.OFFERED)

    def test_a_route_of_the_settings_decides(self) -> None:
        for route in RouteTLS:
            optional = policies(TLSDemand.OPTIONAL, route=route)
            usual = policies(route=route)
            self.assertEqual(decide_for_message(optional, HOST), decide(usual, HOST))

    def test_other_mail_does_not_use_its_connection(self) -> None:
        optional = decide_for_message(policies(TLSDemand.OPTIONAL, ENFORCE), HOST)
        strict = decide(policies(sts=ENFORCE), HOST)
        self.assertFalse(optional.fulfils(strict))
        self.assertTrue(strict.fulfils(optional))

    def test_the_memory_does_not_keep_it_back(self) -> None:
        host = replace(HOST, expected=ExpectedTLS(BestTLS(20_785), enforced=True))
        decision = decide_for_message(policies(TLSDemand.OPTIONAL), host)
        self.assertFalse(decision.required)


class MemoryTests(SynchronousTestCase):
    def decide(
        self,
        enforced: bool,
        verified: bool = False,
        sts: STSPolicy | None = None,
        host: HostFacts = HOST,
        route: RouteTLS | None = None,
    ) -> TLSDecision:
        """The decision at a host that had TLS."""
        best = BestTLS(20_785, 20_785 if verified else 0)
        host = replace(host, expected=ExpectedTLS(best, enforced))
        return decide_for_message(policies(sts=sts, route=route), host)

    def test_a_host_of_which_nothing_is_known(self) -> None:
        self.assertIs(decide_for_message(policies(), HOST), OPPORTUNISTIC)

    def test_a_warning_changes_nothing_else(self) -> None:
        decision = self.decide(enforced=False)
        self.assertEqual(decision, replace(OPPORTUNISTIC, remembered="2026-11-28"))

    def test_a_warning_about_a_certificate(self) -> None:
        decision = self.decide(enforced=False, verified=True)
        self.assertEqual(checked(decision), (TLSUse.OFFERED, Verification.WEBPKI, (MX,)))
        self.assertFalse(decision.enforced)

    def test_mail_waits(self) -> None:
        decision = self.decide(enforced=True)
        self.assertEqual(checked(decision), (TLSUse.REQUIRED, Verification.NONE, ()))
        self.assertIn(
            f"its TLS of 2026-11-28 (relay.tls.memory; `mailhost relay forget-tls {MX}`",
            decision.decided,
        )

    def test_mail_waits_for_a_certificate(self) -> None:
        decision = self.decide(enforced=True, verified=True)
        self.assertEqual(checked(decision), WEBPKI)
        self.assertTrue(decision.enforced)

    def test_a_policy_that_demands_tls_decides(self) -> None:
        self.assertEqual(self.decide(True, sts=ENFORCE), decide(policies(sts=ENFORCE), HOST))
        self.assertEqual(self.decide(True, host=DANE), decide(policies(), DANE))

    def test_a_policy_that_is_tested_is_reported_further(self) -> None:
        decision = self.decide(True, sts=TESTING)
        self.assertIs(decision.use, TLSUse.REQUIRED)
        self.assertIsNotNone(decision.applied)
        self.assertFalse(decision.enforced)

    def test_a_route_without_tls(self) -> None:
        self.assertIs(self.decide(True, route=RouteTLS.NEVER).use, TLSUse.NEVER)
