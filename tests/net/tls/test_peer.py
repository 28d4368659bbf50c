"""Handshakes with a server whose certificate is examined: problems by kind, and who is refused."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
)
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from mailhost.interfaces.tls_sessions import TLSFailure
from mailhost.net.tls.certificate import PEM
from mailhost.net.tls.names import is_for_one_of
from mailhost.net.tls.peer import (
    Chain,
    PeerCheck,
    PeerHandshake,
    PeerProblem,
    PeerRefused,
    PeerTLS,
    SeenPeer,
)
from mailhost.net.tls.selfsigned import make_self_signed
from mailhost.net.tls.server import Minimums, ServerTLS
from tests.authority import Authority
from tests.net.tls.handshakes import Peer, shake

NAME = "mx.example.org"
ANY = PeerCheck((NAME,))
WEBPKI = PeerCheck((NAME,), enforced=True)


class Handshakes(SynchronousTestCase):
    def setUp(self) -> None:
        self.authority = Authority.new()
        self.tls = PeerTLS(self.authority.trust_root)

    def shake(self, pem: PEM, check: PeerCheck, hostname: str = NAME) -> tuple[Peer, PeerHandshake]:
        handshake = self.tls.handshake(hostname, check)
        return shake(ServerTLS([pem]), handshake)[1], handshake

    def seen(self, pem: PEM, check: PeerCheck = ANY) -> SeenPeer:
        """Return what a handshake that is completed has seen."""
        here, handshake = self.shake(pem, check)
        self.assertIsNotNone(here.state, here.reason)
        assert handshake.peer is not None
        return handshake.peer

    def kinds(self, pem: PEM, check: PeerCheck = ANY) -> list[TLSFailure]:
        return [problem.kind for problem in self.seen(pem, check).problems]

    def refused(self, pem: PEM, check: PeerCheck = WEBPKI) -> PeerRefused:
        here, handshake = self.shake(pem, check)
        self.assertIsNone(here.state)
        assert isinstance(here.reason, PeerRefused)
        assert handshake.peer is not None
        self.assertEqual(handshake.peer.problems, here.reason.problems)
        return here.reason


class Problems(Handshakes):
    """The same certificates with a check that is not enforced, and with one that is."""

    def problem(self, pem: PEM, kind: TLSFailure, text: str) -> None:
        self.assertEqual([kind], self.kinds(pem))
        [problem] = self.refused(pem).problems
        self.assertEqual((kind, text), (problem.kind, str(problem)))

    def test_none(self) -> None:
        for check in (ANY, WEBPKI):
            self.assertEqual((), self.seen(self.authority.issue(NAME), check).problems)

    def test_the_chain_is_that_of_the_server(self) -> None:
        pem = self.authority.below().issue(NAME)
        self.assertEqual(
            tuple(map(ssl.PEM_cert_to_DER_cert, _each(pem.chain))), self.seen(pem, WEBPKI).chain
        )

    def test_expired(self) -> None:
        pem = self.authority.issue(NAME, begins=-90, ends=-1)
        self.problem(pem, TLSFailure.EXPIRED, "the certificate has expired")
        pem = self.authority.issue(NAME, begins=1)
        self.problem(pem, TLSFailure.EXPIRED, "the certificate is not valid yet")
        pem = self.authority.below(ends=-0.5).issue(NAME)
        self.problem(pem, TLSFailure.EXPIRED, "an authority's certificate has expired")

    def test_another_name(self) -> None:
        text = f"the certificate is not for {NAME}"
        for names in (["mx.example.net"], ["*.org"], ["*.mx.example.org"], ["192.0.2.1"]):
            self.problem(self.authority.issue(*names), TLSFailure.HOST_MISMATCH, text)

    def test_an_unknown_authority(self) -> None:
        unknown = Authority.new("Unknown")
        text = "the certificate comes from an unknown authority"
        self.problem(unknown.issue(NAME), TLSFailure.NOT_TRUSTED, text)
        middle = unknown.below().issue(NAME)
        text = "an authority's certificate comes from an unknown authority"
        self.problem(middle, TLSFailure.NOT_TRUSTED, text)

    def test_a_certificate_of_its_own_key(self) -> None:
        chain, key = make_self_signed(self.mktemp(), NAME)
        with open(chain, "rb") as first, open(key, "rb") as second:
            pem = PEM(first.read(), second.read())
        self.problem(pem, TLSFailure.NOT_TRUSTED, "the certificate is self-signed")

    def test_an_intermediate_certificate_that_is_missing(self) -> None:
        whole = self.authority.below().issue(NAME)
        pem = PEM(next(_each(whole.chain)).encode(), whole.key)
        text = "the certificate comes from an unknown authority"
        self.problem(pem, TLSFailure.NOT_TRUSTED, text)

    def test_a_certificate_that_is_no_authoritys(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        [own] = x509.load_pem_x509_certificates(self.authority.issue("evil.example", key=key).chain)
        evil = Authority(own, key, (own,))
        self.assertIn(TLSFailure.NOT_TRUSTED, self.kinds(evil.issue(NAME)))
        self.refused(evil.issue(NAME))

    def test_several_problems_have_a_kind_each(self) -> None:
        pem = Authority.new("Unknown").issue("mx.example.net", begins=-90, ends=-1)
        kinds = [TLSFailure.NOT_TRUSTED, TLSFailure.EXPIRED, TLSFailure.HOST_MISMATCH]
        self.assertEqual(kinds, self.kinds(pem))
        self.assertIn("; the certificate has expired; ", str(self.refused(pem)))


class Names(Handshakes):
    def test_one_of_several_is_enough(self) -> None:
        check = PeerCheck(("mail.example.net", NAME), enforced=True)
        self.assertEqual((), self.seen(self.authority.issue(NAME), check).problems)
        reason = self.refused(self.authority.issue("mx.example.com"), check)
        self.assertIn("not for mail.example.net or mx.example.org", str(reason))

    def test_wildcards_international_names_and_addresses(self) -> None:
        for name, own in (
            ("mx.example.org", "*.example.org"),
            ("MX.Example.ORG", "mx.example.org"),
            ("müller.example", "xn--mller-kva.example"),
            ("192.0.2.1", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
        ):
            check = PeerCheck((name,), enforced=True)
            self.assertEqual((), self.seen(self.authority.issue(own), check).problems, name)

    def test_no_name_is_checked_where_none_is_given(self) -> None:
        self.assertEqual([], self.kinds(self.authority.issue("elsewhere.example"), PeerCheck()))
        self.assertRaises(ValueError, PeerCheck, enforced=True)

    def test_names_that_no_certificate_has(self) -> None:
        pem = self.authority.issue("mx.example.org", "192.0.2.1")
        for name in ("", "a..b", "1.2.3.4", "ß" * 70):
            self.assertEqual([TLSFailure.HOST_MISMATCH], self.kinds(pem, PeerCheck((name,))))

    def test_a_certificate_that_cannot_be_parsed_is_for_no_name(self) -> None:
        self.assertFalse(is_for_one_of(b"junk", [NAME]))

    def test_the_server_name_is_sent(self) -> None:
        servers = [self.authority.issue("other.example"), self.authority.issue(NAME)]
        for hostname, kinds in ((NAME, 0), ("192.0.2.1", 1)):
            handshake = self.tls.handshake(hostname, ANY)
            shake(ServerTLS(servers), handshake)
            assert handshake.peer is not None
            self.assertEqual(kinds, len(handshake.peer.problems))


class Judges(Handshakes):
    """A judge decides in place of the authorities."""

    def test_it_accepts_a_chain_that_no_authority_has_signed(self) -> None:
        pem = Authority.new("Unknown").issue("elsewhere.example", begins=-9, ends=-1)
        judged: list[Chain] = []

        def judge(chain: Chain) -> tuple[PeerProblem, ...]:
            judged.append(chain)
            return ()

        seen = self.seen(pem, PeerCheck(judge=judge, enforced=True))
        self.assertEqual([seen.chain], judged)
        self.assertEqual((), seen.problems)

    def test_it_refuses_a_chain_that_the_authorities_would_accept(self) -> None:
        problem = PeerProblem(TLSFailure.TLSA_INVALID, "no TLSA record matches")
        pem = self.authority.issue(NAME)
        check = PeerCheck((NAME,), enforced=True, judge=lambda chain: (problem,))
        self.assertEqual((problem,), self.refused(pem, check).problems)
        check = PeerCheck((NAME,), judge=lambda chain: (problem,))
        self.assertEqual((problem,), self.seen(pem, check).problems)


class OtherFailures(Handshakes):
    def test_no_version_in_common_leaves_nothing(self) -> None:
        server = ServerTLS([self.authority.issue(NAME)], Minimums(strict="1.0"))
        handshake = self.tls.handshake(NAME, ANY)
        verifyObject(IOpenSSLClientConnectionCreator, handshake)
        self.assertIsNone(handshake.peer)
        here = shake(_Old(server), handshake)[1]
        self.assertIsInstance(here.reason, SSL.Error)
        self.assertNotIsInstance(here.reason, PeerRefused)
        self.assertIsNone(handshake.peer)


@implementer(IOpenSSLServerConnectionCreator)
class _Old:
    """A server that knows no version after TLS 1.1."""

    def __init__(self, server: ServerTLS) -> None:
        self._server = server

    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        connection = self._server.serverConnectionForTLS(tlsProtocol)
        connection.set_options(SSL.OP_NO_TLSv1_2 | SSL.OP_NO_TLSv1_3)
        return connection


def _each(pem: bytes) -> Iterator[str]:
    """Each certificate of a chain in PEM."""
    for each in x509.load_pem_x509_certificates(pem):
        yield each.public_bytes(Encoding.PEM).decode()
