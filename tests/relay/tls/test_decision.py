"""What is required of TLS, and which connection may carry which message."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.model import RouteTLS
from mailhost.dane.lookups import TLSAAnswer
from mailhost.interfaces.dns import TLSARecord
from mailhost.interfaces.tls_sessions import AppliedPolicy, PolicyType, TLSFailure
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

DOMAIN = "example.org"
HOST = HostFacts("mx.example.org")
NEVER = TLSDecision(TLSUse.NEVER)
REQUIRED = TLSDecision(TLSUse.REQUIRED)
VERIFIED = TLSDecision(TLSUse.REQUIRED, "", Verification.WEBPKI, ("mx.example.org",))
GOOD = TLSARecord(3, 1, 1, bytes(32))
UNUSABLE = TLSARecord(1, 1, 1, bytes(32))
ENFORCE = STSPolicy(Mode.ENFORCE, 86400, ("*.example.org",))
TESTING = replace(ENFORCE, mode=Mode.TESTING)


def with_tlsa(*records: TLSARecord, trouble: str = "") -> HostFacts:
    """The host, with TLSA records."""
    return replace(HOST, tlsa=TLSAAnswer("mx.example.org", records, trouble), names=(DOMAIN,))


def with_sts(policy: STSPolicy) -> TLSPolicies:
    """The domain, with an MTA-STS policy."""
    return TLSPolicies(DOMAIN, sts=policy)


class Routes(SynchronousTestCase):
    def test_mx_hosts_without_any_policy(self) -> None:
        self.assertEqual(OPPORTUNISTIC, decide(TLSPolicies(DOMAIN), HOST))

    def test_what_a_route_asks_for(self) -> None:
        for tls, login, use in (
            (RouteTLS.NEVER, False, TLSUse.NEVER),
            (RouteTLS.NEVER, True, TLSUse.NEVER),
            (RouteTLS.OPPORTUNISTIC, False, TLSUse.OFFERED),
            (RouteTLS.OPPORTUNISTIC, True, TLSUse.UNLESS_BROKEN),
            (RouteTLS.REQUIRE, False, TLSUse.REQUIRED),
        ):
            decision = decide(TLSPolicies(DOMAIN, tls, login), HOST)
            self.assertEqual((use, "the route of the settings"), (decision.use, decision.decided))
            self.assertEqual(tls is RouteTLS.REQUIRE, decision.verified)

    def test_the_certificate_is_for_the_host_of_the_route(self) -> None:
        decision = decide(TLSPolicies(DOMAIN, RouteTLS.REQUIRE), HOST)
        self.assertEqual(Verification.WEBPKI, decision.verification)
        self.assertEqual(("mx.example.org",), decision.names)


class MTASTS(SynchronousTestCase):
    def test_enforce(self) -> None:
        decision = decide(with_sts(ENFORCE), HOST)
        self.assertEqual(
            (TLSUse.REQUIRED, Verification.WEBPKI), (decision.use, decision.verification)
        )
        self.assertEqual(("mx.example.org",), decision.names)
        self.assertFalse(decision.refused)
        self.assertEqual("the MTA-STS policy of example.org (mode enforce)", decision.decided)
        lines = ("version: STSv1", "mode: enforce", "mx: *.example.org", "max_age: 86400")
        applied = AppliedPolicy(PolicyType.STS, DOMAIN, lines, ("*.example.org",))
        self.assertEqual(applied, decision.applied)

    def test_a_host_that_the_policy_does_not_name(self) -> None:
        for policy, refused in ((ENFORCE, True), (TESTING, False)):
            decision = decide(with_sts(policy), HostFacts("mx.example.net"))
            self.assertEqual(refused, decision.refused)
            self.assertEqual(
                "the policy does not name the MX host mx.example.net", str(decision.problem)
            )

    def test_testing_checks_and_requires_nothing(self) -> None:
        decision = decide(with_sts(TESTING), HOST)
        self.assertEqual((TLSUse.OFFERED, True), (decision.use, decision.verified))
        self.assertFalse(decision.check.enforced)
        self.assertIn("mode testing", decision.decided)

    def test_none(self) -> None:
        policy = STSPolicy(Mode.NONE, 86400)
        self.assertEqual(OPPORTUNISTIC, decide(with_sts(policy), HOST))

    def test_a_route_has_none(self) -> None:
        policies = replace(with_sts(ENFORCE), route=RouteTLS.OPPORTUNISTIC)
        self.assertEqual(TLSUse.OFFERED, decide(policies, HOST).use)


class DANE(SynchronousTestCase):
    def test_records_that_can_be_used(self) -> None:
        decision = decide(TLSPolicies(DOMAIN), with_tlsa(GOOD, UNUSABLE))
        self.assertEqual(
            (TLSUse.REQUIRED, Verification.DANE), (decision.use, decision.verification)
        )
        self.assertEqual((GOOD,), decision.records)
        self.assertEqual(("mx.example.org", DOMAIN), decision.names)
        self.assertEqual("the TLSA records of mx.example.org (DANE)", decision.decided)
        assert decision.applied is not None
        self.assertEqual(
            (PolicyType.TLSA, DOMAIN), (decision.applied.kind, decision.applied.domain)
        )
        self.assertEqual(f"3 1 1 {'00' * 32}", decision.applied.lines[0])

    def test_none_that_can_be_used_demands_encryption_alone(self) -> None:
        decision = decide(TLSPolicies(DOMAIN), with_tlsa(UNUSABLE))
        self.assertEqual((TLSUse.REQUIRED, False), (decision.use, decision.verified))
        self.assertIn("none can be used", decision.decided)

    def test_no_answer_refuses_the_host(self) -> None:
        decision = decide(TLSPolicies(DOMAIN), with_tlsa(trouble="SERVFAIL"))
        self.assertTrue(decision.refused)
        assert decision.problem is not None
        self.assertEqual(TLSFailure.DNSSEC_INVALID, decision.problem.kind)

    def test_it_comes_before_mta_sts(self) -> None:
        for policy in (ENFORCE, TESTING, replace(ENFORCE, mx=("other.example.org",))):
            self.assertEqual(
                Verification.DANE, decide(with_sts(policy), with_tlsa(GOOD)).verification
            )
            self.assertTrue(decide(with_sts(policy), with_tlsa(trouble="SERVFAIL")).refused)

    def test_records_that_cannot_be_used_leave_the_certificate_to_mta_sts(self) -> None:
        decision = decide(with_sts(ENFORCE), with_tlsa(UNUSABLE))
        self.assertEqual(
            (TLSUse.REQUIRED, Verification.WEBPKI), (decision.use, decision.verification)
        )
        self.assertEqual(TLSUse.REQUIRED, decide(with_sts(TESTING), with_tlsa(UNUSABLE)).use)


class Fulfilling(SynchronousTestCase):
    """A connection goes only to messages whose decision it fulfils."""

    def test_the_same_decision(self) -> None:
        for decision in (NEVER, OPPORTUNISTIC, REQUIRED, VERIFIED):
            self.assertTrue(decision.fulfils(decision))

    def test_a_stricter_one_carries_what_asks_for_less(self) -> None:
        self.assertTrue(VERIFIED.fulfils(REQUIRED))
        self.assertTrue(VERIFIED.fulfils(OPPORTUNISTIC))
        self.assertTrue(REQUIRED.fulfils(OPPORTUNISTIC))

    def test_a_weaker_one_does_not_carry_what_asks_for_more(self) -> None:
        self.assertFalse(OPPORTUNISTIC.fulfils(REQUIRED))
        self.assertFalse(REQUIRED.fulfils(VERIFIED))
        self.assertFalse(NEVER.fulfils(OPPORTUNISTIC))
        self.assertFalse(VERIFIED.fulfils(NEVER))

    def test_a_check_of_another_kind_or_name(self) -> None:
        other = replace(VERIFIED, names=("other.example.org",))
        dane = TLSDecision(TLSUse.REQUIRED, "", Verification.DANE, records=(GOOD,))
        rolled = replace(dane, records=(replace(GOOD, data=bytes(31) + b"1"),))
        for one, another in ((VERIFIED, other), (VERIFIED, dane), (dane, rolled)):
            self.assertFalse(one.fulfils(another))
            self.assertFalse(another.fulfils(one))

    def test_a_check_that_was_only_reported(self) -> None:
        tested = decide(with_sts(TESTING), HOST)
        enforced = decide(with_sts(ENFORCE), HOST)
        self.assertFalse(tested.fulfils(enforced))
        self.assertTrue(enforced.fulfils(tested))

    def test_a_host_that_is_refused_now(self) -> None:
        refused = decide(with_sts(replace(ENFORCE, mx=("other.example.org",))), HOST)
        for decision in (OPPORTUNISTIC, VERIFIED, refused):
            self.assertFalse(decision.fulfils(refused))
