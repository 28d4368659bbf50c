"""Orders whose authority does the unusual."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from mailhost.certificates.keys import certificate_id, key_pem, kind_of, make_key
from mailhost.certificates.order import Obtained, Orders, Wanted
from mailhost.certificates.provers import IProver
from mailhost.certificates.values import (
    DNS_01,
    HTTP_01,
    Account,
    AuthorityError,
    Authorization,
    Challenge,
    IAuthority,
    Order,
    Problem,
    Window,
)
from mailhost.config.acme import KeyKind
from tests.certificates.rig import at_once
from tests.net.tls.handshakes import issue, pem

NAMES = ("mail.a.org", "www.a.org")


def authorization(name: str, status: str = "pending", kind: str = HTTP_01) -> Authorization:
    challenge = Challenge(kind, f"chall/{name}", "token")
    return Authorization(f"authz/{name}", name, status, (challenge,))


@implementer(IAuthority)
class FakeAuthority:
    """`authorizations` by name; `states` are those of the order after it was finalized, one after
    the other, and the last for good. `finalized` are the errors of requests to sign."""

    def __init__(self) -> None:
        self.authorizations = {name: authorization(name, "valid") for name in NAMES}
        self.states = [self.state_of("valid")]
        self.finalized: list[AuthorityError] = []
        self.octets = b""
        self.ordered: list[Sequence[str]] = []

    def state_of(self, status: str, problem: Problem | None = None) -> Order:
        certificate = "cert" if status == "valid" else ""
        return Order("order", status, (), "finalize", certificate, problem)

    def open(self, account: Account) -> Account:
        raise AssertionError

    def key_authorization(self, token: str) -> str:
        return f"{token}.print"

    def order(self, names: Sequence[str], replaces: str) -> Order:
        self.ordered.append(names)
        return Order("order", "pending", tuple(f"authz/{name}" for name in names), "finalize")

    def authorization(self, url: str) -> Authorization:
        return self.authorizations[url.partition("/")[2]]

    def answer(self, challenge: Challenge) -> None:
        name = challenge.url.partition("/")[2]
        self.authorizations[name] = authorization(name, "valid")

    def finalize(self, order: Order, csr: bytes) -> Order:
        if self.finalized:
            raise self.finalized.pop(0)
        return self.state(order)

    def state(self, order: Order) -> Order:
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    def chain(self, url: str) -> bytes:
        return self.octets

    def window(self, certificate_id: str) -> Window | None:
        raise AssertionError


@implementer(IProver)
class FakeProver:
    """Fails to present, or to show, with these texts."""

    def __init__(self, presented: str = "", visible: str = "") -> None:
        self._presented, self._visible = presented, visible
        self.open: set[str] = set()

    def present(self, name: str, token: str, authorization: str) -> Any:
        self.open.add(name)
        return succeed(self._presented)

    def visible(self, name: str, token: str, authorization: str) -> Any:
        return succeed(self._visible)

    def remove(self, name: str, token: str, authorization: str) -> Any:
        self.open.discard(name)
        return succeed(None)


class OrderTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.authority = FakeAuthority()
        self.provers: dict[str, FakeProver] = {HTTP_01: FakeProver()}
        self.certificate, self.key = issue("mail.a.org")
        self.authority.octets = pem(self.certificate)
        self.wanted = Wanted(("mail.a.org",), own_key=key_pem(self.key))

    def obtain(self, seconds: int = 700) -> Deferred[Obtained]:
        orders = Orders(self.clock, at_once, self.provers)
        obtaining = Deferred.fromCoroutine(orders.obtain(self.authority, self.wanted))
        self.clock.pump([1.0] * seconds)
        return obtaining

    def obtained(self) -> Obtained:
        found = self.successResultOf(self.obtain())
        self.assertEqual(set(), set().union(*(each.open for each in self.provers.values())))
        return found

    def failed(self) -> str:
        return str(self.failureResultOf(self.obtain(), AuthorityError).value)

    def test_fakes(self) -> None:
        verifyObject(IAuthority, self.authority)
        verifyObject(IProver, FakeProver())

    def test_a_given_key_is_used(self) -> None:
        found = self.obtained()
        assert found.pem is not None
        self.assertEqual(key_pem(self.key), found.pem.key)

    def test_an_order_that_is_not_ready_is_finalized_when_it_is(self) -> None:
        authority = self.authority
        authority.finalized = [AuthorityError(Problem("orderNotReady", "wait"))]
        authority.states = [authority.state_of(each) for each in ("pending", "ready", "valid")]
        self.assertIsNotNone(self.obtained().pem)

    def test_an_order_that_the_authority_gives_up(self) -> None:
        authority = self.authority
        for problem, words in (
            (Problem("caa", "CAA forbids it"), "CAA forbids it (caa)"),
            (None, "the order is invalid (invalid)"),
        ):
            authority.states = [
                authority.state_of("processing"),
                authority.state_of("invalid", problem),
            ]
            self.assertEqual(words, self.failed())

    def test_a_request_that_is_refused(self) -> None:
        problem = Problem("badCSR", "the key is too small")
        self.authority.finalized = [AuthorityError(problem)]
        self.assertEqual("the key is too small (badCSR)", self.failed())

    def test_a_name_that_is_refused_in_the_end(self) -> None:
        self.wanted = Wanted(NAMES, own_key=key_pem(self.key))
        problem = Problem("caa", "While processing CAA for www.a.org: forbidden")
        self.authority.finalized = [AuthorityError(problem)]
        found = self.obtained()
        self.assertEqual(("mail.a.org",), found.names)
        self.assertEqual(["www.a.org"], [each.name for each in found.failures])

    def test_a_certificate_that_is_never_signed(self) -> None:
        self.authority.states = [self.authority.state_of("processing")]
        self.assertIn("was not signed within 600 s", self.failed())

    def test_what_is_sent_is_not_what_was_ordered(self) -> None:
        other, _ = issue("mail.a.org")
        for octets, words in (
            (b"", "the authority sent no certificate in PEM"),
            (b"<html>", "the authority sent no certificate in PEM"),
            (pem(other), "a certificate for another key"),
        ):
            self.authority.octets = octets
            self.assertIn(words, self.failed())
        self.wanted = Wanted(NAMES, own_key=key_pem(self.key))
        self.authority.octets = pem(self.certificate)
        self.assertIn("a certificate without www.a.org", self.failed())

    def test_challenges_that_cannot_be_answered(self) -> None:
        self.authority.authorizations["mail.a.org"] = authorization("mail.a.org", kind="x-01")
        [failure] = self.obtained().failures
        self.assertIn("the authority offers x-01. Remedy: allow one of them", str(failure))
        self.authority.authorizations["mail.a.org"] = authorization("mail.a.org", "deactivated")
        [failure] = self.obtained().failures
        self.assertIn("the authorization is deactivated", str(failure))

    def test_answers_that_are_not_shown(self) -> None:
        for prover in (FakeProver(presented="no route"), FakeProver(visible="no route")):
            self.authority.ordered.clear()
            self.authority.authorizations["mail.a.org"] = authorization("mail.a.org", kind=DNS_01)
            self.provers = {DNS_01: prover, HTTP_01: FakeProver()}
            [failure] = self.obtained().failures
            self.assertIn(
                "mail.a.org by dns-01: no route. Remedy: look at dns_command", str(failure)
            )

    def test_answers_are_waited_for_together(self) -> None:
        waiting: list[Deferred[str]] = []

        class Slow(FakeProver):
            def visible(self, name: str, token: str, authorization: str) -> Any:
                waiting.append(Deferred())
                return waiting[-1]

        self.provers = {HTTP_01: Slow()}
        self.wanted = replace(self.wanted, names=NAMES)
        self.authority.authorizations = {name: authorization(name) for name in NAMES}
        self.obtain(1)
        self.assertEqual(2, len(waiting))


class KeyTests(SynchronousTestCase):
    def test_kinds(self) -> None:
        for kind in (KeyKind.P256, KeyKind.P384, KeyKind.RSA2048):
            self.assertIs(kind, kind_of(load_pem_private_key(key_pem(make_key(kind)), None)))
        self.assertIsNone(kind_of(ec.generate_private_key(ec.SECP521R1())))
        self.assertIsNone(kind_of(rsa.generate_private_key(65537, 1024)))
        self.assertIsNone(kind_of(object()))

    def test_the_id_of_a_certificate(self) -> None:
        """The example of RFC 9773 §4.1."""
        identifier = bytes.fromhex("69885B6B87464041E1B37B847BA0AE2CDE01C8D4")
        key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(0x87654321)
            .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
            .not_valid_after(datetime(2026, 4, 1, tzinfo=UTC))
        )
        self.assertEqual("", certificate_id(builder.sign(key, hashes.SHA256())))
        issuer = x509.AuthorityKeyIdentifier(identifier, None, None)
        signed = builder.add_extension(issuer, critical=False).sign(key, hashes.SHA256())
        self.assertEqual("aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE", certificate_id(signed))
