"""Mail with REQUIRETLS and with TLS-Required: No on its way to other hosts (RFC 8689), and hosts
that lose their TLS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from mailhost.config.relay_tls import MemoryRule
from mailhost.config.types import Secret
from mailhost.interfaces.dns import TLSARecord
from mailhost.interfaces.events import Warned
from mailhost.interfaces.tls_sessions import TLSFailure, TLSSession
from mailhost.message.outcome import Outcome
from mailhost.message.tls_demand import TLSDemand
from mailhost.net.tls.peer import PeerProblem
from mailhost.relay.attempt import NO_REQUIRETLS
from tests.fakes import envelope as envelope_to
from tests.relay.carrying import RelayCase

TLS = ("PIPELINING", "STARTTLS")
ALL = (*TLS, "REQUIRETLS")
TLSA = TLSARecord(3, 1, 1, bytes(32))
UNKNOWN_CA = PeerProblem(TLSFailure.NOT_TRUSTED, "its authority is not trusted")


class DemandCase(RelayCase):
    """DNS is authenticated. Each test is about x.example, with its hosts mx1 and mx2."""

    secure = True

    def make(self, settings: dict[str, Any], secrets: dict[Secret, str] | None = None) -> None:
        super().make(settings, secrets)
        if self.secure:
            self.resolver.secure = {"x.example", "mx1.x.example", "mx2.x.example"}

    def outcome(self, tls: TLSDemand, sender: str = "sue@far.example") -> Outcome:
        """Send a message for x.example; return its outcome."""
        envelope = replace(envelope_to("ann@x.example", sender=sender), tls=tls)
        work = self.begin(envelope=envelope)
        self.turn()
        outcomes: Sequence[Outcome] = self.successResultOf(work)
        return outcomes[0]

    def result(self, tls: TLSDemand, **more: Any) -> str:
        """Send, and return code, enhanced code and host."""
        outcome = self.outcome(tls, **more)
        return f"{outcome.status.code} {outcome.status.enhanced} {outcome.by}".strip()

    def mails(self) -> list[str]:
        """The MAIL commands at all hosts."""
        said = [*self.mx1.said, *self.mx2.said, *self.smart.said]
        return [line for line in said if line.startswith("MAIL")]


class RequiredTests(DemandCase):
    def required(self, **more: Any) -> str:
        """Send with REQUIRETLS."""
        return self.result(TLSDemand.REQUIRED, **more)

    def test_a_host_that_has_all(self) -> None:
        self.mx1.offers = ALL
        self.assertEqual(self.required(), "250 2.0.0 mx1.x.example [192.0.2.1]")
        self.assertEqual(self.mails(), ["MAIL FROM:<sue@far.example> REQUIRETLS"])
        self.assertEqual(self.tls, [("mx1.x.example", True)])
        [event] = self.events.of(TLSSession)
        self.assertEqual(event.decided, "the demand of the sender (REQUIRETLS)")

    def test_the_next_host_is_tried(self) -> None:
        self.mx1.offers, self.mx2.offers = TLS, ALL
        self.assertEqual(self.required(), "250 2.0.0 mx2.x.example [192.0.2.2]")
        self.assertEqual(self.mx1.mail, [])

    def test_no_host_supports_it(self) -> None:
        self.mx1.offers = self.mx2.offers = TLS
        outcome = self.outcome(TLSDemand.REQUIRED)
        self.assertEqual(outcome.status, NO_REQUIRETLS)
        self.assertEqual(outcome.by, "mx1.x.example [192.0.2.1]")
        self.assertEqual(self.mails(), [])

    def test_no_host_has_tls(self) -> None:
        outcome = self.outcome(TLSDemand.REQUIRED)
        self.assertEqual((outcome.status.code, outcome.status.enhanced), (550, "5.7.10"))
        self.assertIn("it does not offer STARTTLS", outcome.status.text)
        self.assertIn("the demand of the sender (REQUIRETLS)", outcome.status.text)
        self.assertEqual(self.mails(), [])

    def test_a_host_that_cannot_be_reached_now(self) -> None:
        self.mx1.offers = TLS
        del self.net.hosts["192.0.2.2"]
        self.assertEqual(self.required()[:9], "451 4.4.1")

    def test_a_certificate_that_is_not_valid(self) -> None:
        self.mx1.offers, self.mx1.problems = ALL, (UNKNOWN_CA,)
        self.mx2.offers = TLS
        outcome = self.outcome(TLSDemand.REQUIRED)
        self.assertEqual((outcome.status.code, outcome.status.enhanced), (451, "4.7.5"))
        self.assertIn("its authority is not trusted", outcome.status.text)

    def test_the_fault_does_not_keep_other_mail_back(self) -> None:
        self.mx1.offers, self.mx1.problems = ALL, (UNKNOWN_CA,)
        del self.net.hosts["192.0.2.2"]
        self.assertEqual(self.required()[:3], "451")
        self.assertEqual(self.result(TLSDemand.USUAL)[:3], "250")

    def test_connections_are_shared_where_they_fit(self) -> None:
        self.mx1.offers = ALL
        for tls in (TLSDemand.REQUIRED, TLSDemand.USUAL, TLSDemand.REQUIRED):
            self.assertEqual(self.result(tls)[:3], "250")
        self.assertEqual(self.mx1.connections, 1)
        self.assertEqual(
            [line.endswith("REQUIRETLS") for line in self.mails()], [True, False, True]
        )

    def test_a_connection_of_other_mail_does_not_fit(self) -> None:
        self.mx1.offers = ALL
        self.result(TLSDemand.USUAL)
        self.required()
        self.assertEqual(self.mx1.connections, 2)

    def test_a_bounce_has_it_where_it_can(self) -> None:
        self.mx1.offers = ALL
        self.required(sender="")
        self.mx1.offers = ("PIPELINING",)
        self.turn(10)
        self.assertEqual(self.required(sender="")[:3], "250")
        self.assertEqual(self.mails(), ["MAIL FROM:<> REQUIRETLS", "MAIL FROM:<>"])

    def test_a_smarthost_needs_it_too(self) -> None:
        self.make({"route": [{"via": "smart.example"}]})
        self.smart.offers = TLS
        self.assertEqual(self.required(), "550 5.7.30 smart.example [192.0.2.9]")
        self.smart.offers = ALL
        self.turn(10)
        self.assertEqual(self.required()[:3], "250")
        self.assertEqual(self.tls, [("smart.example", True)] * 2)


class UnauthenticatedTests(DemandCase):
    secure = False

    def test_a_host_that_nothing_names_gets_no_mail(self) -> None:
        self.mx1.offers = self.mx2.offers = ALL
        outcome = self.outcome(TLSDemand.REQUIRED)
        self.assertEqual((outcome.status.code, outcome.status.enhanced), (451, "4.7.5"))
        self.assertIn("neither DNSSEC nor an MTA-STS policy names", outcome.status.text)
        self.assertEqual((self.mx1.connections, self.mails()), (0, []))


class OptionalTests(DemandCase):
    """Both hosts have TLSA records that no certificate fits."""

    def make(self, settings: dict[str, Any], secrets: dict[Secret, str] | None = None) -> None:
        super().make(settings, secrets)
        for name in ("mx1.x.example", "mx2.x.example"):
            place = f"_25._tcp.{name}"
            self.resolver.records["TLSA", place] = [TLSA]
            self.resolver.secure.add(place)

    def test_it_leaves_in_spite_of_the_policy(self) -> None:
        self.mx1.offers = TLS
        self.assertEqual(self.result(TLSDemand.USUAL)[:9], "451 4.7.5")
        self.turn(10)
        self.assertEqual(self.result(TLSDemand.OPTIONAL)[:3], "250")
        event = self.events.of(TLSSession)[-1]
        self.assertEqual(event.decided, "the wish of the sender (TLS-Required: No)")
        self.assertIsNotNone(event.failure)
        self.assertTrue(event.delivered)

    def test_without_tls_too(self) -> None:
        self.assertEqual(self.result(TLSDemand.OPTIONAL)[:3], "250")

    def test_a_fault_of_other_mail_does_not_keep_it_back(self) -> None:
        self.assertEqual(self.result(TLSDemand.USUAL)[:9], "451 4.7.5")
        self.assertEqual(self.result(TLSDemand.OPTIONAL)[:3], "250")


class DowngradeTests(DemandCase):
    """The hosts had TLS, and mx1 has none now."""

    secure = False

    def downgraded(self, rule: MemoryRule) -> str:
        """Send while there is TLS, and again without; return the second result."""
        self.make({"tls": {"memory": rule.value}})
        self.mx1.offers = self.mx2.offers = TLS
        self.assertEqual(self.result(TLSDemand.USUAL)[:3], "250")
        self.turn(10)
        self.mx1.offers = self.mx2.offers = ("PIPELINING",)
        return self.result(TLSDemand.USUAL)

    def test_warned_of_once_a_day(self) -> None:
        self.assertEqual(self.downgraded(MemoryRule.WARN)[:3], "250")
        good, bad = self.events.of(TLSSession)
        self.assertEqual((good.failure, bad.failure), (None, TLSFailure.STARTTLS_NOT_SUPPORTED))
        self.assertTrue(bad.serious and bad.delivered)
        self.assertIn("it does not offer STARTTLS, though it had TLS on ", bad.line)
        self.turn(10)
        self.result(TLSDemand.USUAL)
        self.assertEqual(len(self.events.of(TLSSession)), 2)

    def test_a_smarthost(self) -> None:
        self.make({"route": [{"via": "smart.example"}]})
        self.smart.offers = TLS
        self.result(TLSDemand.USUAL)
        self.turn(10)
        self.smart.offers = ("PIPELINING",)
        self.assertEqual(self.result(TLSDemand.USUAL)[:3], "250")
        self.assertIn("though it had TLS on", self.events.of(Warned)[0].line)

    def test_off(self) -> None:
        self.assertEqual(self.downgraded(MemoryRule.OFF)[:3], "250")
        self.assertEqual(len(self.events.of(TLSSession)), 1)

    def test_enforced(self) -> None:
        self.assertEqual(self.downgraded(MemoryRule.ENFORCE)[:24], "250 2.0.0 mx2.x.example ")

    def test_enforced_at_all_hosts(self) -> None:
        self.downgraded(MemoryRule.ENFORCE)
        self.mx2.offers = TLS
        self.turn(20)
        self.result(TLSDemand.USUAL)  # mx2 is remembered too
        self.mx2.offers = ("PIPELINING",)
        self.turn(20)
        outcome = self.outcome(TLSDemand.USUAL)
        self.assertEqual((outcome.status.code, outcome.status.enhanced), (451, "4.7.5"))
        self.assertIn("forget-tls mx1.x.example` forgets it", outcome.status.text)
        self.relay._memory.forget("x.example")
        self.turn(20)
        self.assertEqual(self.result(TLSDemand.USUAL)[:3], "250")

    def test_a_handshake_that_fails_now(self) -> None:
        self.make({"tls": {"memory": "enforce"}})
        self.mx1.offers = TLS
        self.result(TLSDemand.USUAL)
        self.turn(10)
        self.mx1.tls = "bad"
        self.result(TLSDemand.USUAL)
        self.assertEqual((len(self.mx1.mail), len(self.mx2.mail)), (1, 1))
