"""What is required of TLS, and which connection may carry which message."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.model import RouteTLS
from mailhost.relay.tls.decision import (
    MX_HOSTS,
    OPPORTUNISTIC,
    HostFacts,
    TLSDecision,
    TLSPolicies,
    TLSUse,
    Verification,
    decide,
)

HOST = HostFacts("mx.example")
NEVER = TLSDecision(TLSUse.NEVER)
REQUIRED = TLSDecision(TLSUse.REQUIRED)
VERIFIED = TLSDecision(TLSUse.REQUIRED, "", Verification.WEBPKI, ("mx.example",))


class Routes(SynchronousTestCase):
    def test_mx_hosts_without_any_policy(self) -> None:
        self.assertEqual(OPPORTUNISTIC, decide(MX_HOSTS, HOST))

    def test_what_a_route_asks_for(self) -> None:
        for tls, login, use in (
            (RouteTLS.NEVER, False, TLSUse.NEVER),
            (RouteTLS.NEVER, True, TLSUse.NEVER),
            (RouteTLS.OPPORTUNISTIC, False, TLSUse.OFFERED),
            (RouteTLS.OPPORTUNISTIC, True, TLSUse.UNLESS_BROKEN),
            (RouteTLS.REQUIRE, False, TLSUse.REQUIRED),
        ):
            decision = decide(TLSPolicies(tls, login), HOST)
            self.assertEqual((use, "the route of the settings"), (decision.use, decision.decided))
            self.assertEqual(tls is RouteTLS.REQUIRE, decision.verified)

    def test_the_certificate_is_for_the_host_of_the_route(self) -> None:
        decision = decide(TLSPolicies(RouteTLS.REQUIRE), HOST)
        self.assertEqual(
            (Verification.WEBPKI, ("mx.example",)), (decision.verification, decision.names)
        )


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

    def test_a_certificate_for_another_name(self) -> None:
        other = TLSDecision(TLSUse.REQUIRED, "", Verification.WEBPKI, ("other.example",))
        self.assertFalse(VERIFIED.fulfils(other))
