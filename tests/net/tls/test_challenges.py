"""Names that an authority checks over TLS (tls-alpn-01, RFC 8737)."""

from __future__ import annotations

from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mailhost.interfaces.challenges import ITLSChallenges
from mailhost.net.tls.challenges import ACME_TLS, ChallengedConnection
from mailhost.net.tls.server import HTTPS, Role, ServerTLS
from tests.authority import Authority
from tests.net.tls.handshakes import Offering, Peer, shake

NAME = "mail.example.org"


@implementer(ITLSChallenges)
class Challenges:
    """One name is being checked."""

    def __init__(self, authority: Authority) -> None:
        pem = authority.issue(NAME, "challenge.example")
        self.pem = pem.chain, pem.key
        self.asked: list[str] = []

    def certificate_for(self, server_name: str) -> tuple[bytes, bytes] | None:
        self.asked.append(server_name)
        return self.pem if server_name == NAME else None


class TLSChallenges(SynchronousTestCase):
    def setUp(self) -> None:
        authority = Authority.new()
        self.server = ServerTLS([authority.issue("own.example"), authority.issue(NAME)])
        self.server.challenges = self.challenges = Challenges(authority)
        self.https = self.server.factory(HTTPS)

    def shake(self, name: str, *offered: bytes) -> tuple[Peer, Peer]:
        return shake(self.https, Offering(name, *offered))

    def test_the_authority_gets_the_certificate_of_the_challenge(self) -> None:
        here = self.shake("MAIL.example.org", ACME_TLS)[1]
        assert here.state is not None
        self.assertEqual((NAME, ACME_TLS), (here.subject, here.protocol))
        self.assertIn("challenge.example", here.names)
        self.assertEqual([NAME], self.challenges.asked)

    def test_the_connection_is_closed_after_it(self) -> None:
        there, here = self.shake(NAME, ACME_TLS)
        self.assertIsNone(there.state)
        self.assertIn("the challenge is answered", str(there.reason))
        self.assertIsNotNone(here.reason)

    def test_with_tls_1_2_too(self) -> None:
        here = shake(self.https, Offering(NAME, ACME_TLS, newest="1.2"))[1]
        assert here.state is not None
        self.assertEqual(("TLSv1.2", ACME_TLS), (here.state.version, here.protocol))

    def test_a_name_that_is_not_checked_is_refused(self) -> None:
        for name in ("own.example", "other.example", "192.0.2.1"):
            for newest in ("1.2", "1.3"):
                there, here = shake(self.https, Offering(name, ACME_TLS, newest=newest))
                self.assertEqual((None, None), (there.state, here.state), name)
                self.assertIn("no challenge is open", str(there.reason))
                self.assertIn("no application protocol", str(here.reason))

    def test_other_clients_do_not_see_the_challenge(self) -> None:
        for offered in ((), (b"http/1.1",), (b"h2", b"http/1.1"), (ACME_TLS, b"http/1.1")):
            here = self.shake(NAME, *offered)[1]
            assert here.state is not None
            self.assertEqual((NAME,), here.names)
            self.assertEqual(b"http/1.1" if offered else b"", here.protocol)
        self.assertEqual([], self.challenges.asked)

    def test_other_listeners_serve_such_a_client_as_any_other(self) -> None:
        for role in (Role(), Role((b"imap",)), Role(opportunistic=True)):
            here = shake(self.server.factory(role), Offering(NAME, ACME_TLS))[1]
            assert here.state is not None
            self.assertEqual(((NAME,), b""), (here.names, here.protocol))
        self.assertEqual([], self.challenges.asked)

    def test_a_host_without_challenges_too(self) -> None:
        self.server.challenges = None
        here = self.shake(NAME, ACME_TLS)[1]
        assert here.state is not None
        self.assertEqual(((NAME,), b""), (here.names, here.protocol))

    def test_a_hello_that_comes_octet_by_octet(self) -> None:
        there = self.server.connection(HTTPS)
        there.set_accept_state()
        here = SSL.Connection(SSL.Context(SSL.TLS_METHOD), None)
        here.set_connect_state()
        here.set_tlsext_host_name(NAME.encode())
        here.set_alpn_protos([ACME_TLS])
        self.assertRaises(SSL.WantReadError, here.do_handshake)
        for octet in here.bio_read(65_536):
            self.assertEqual([], self.challenges.asked)
            there.bio_write(bytes([octet]))
            self.assertRaises(SSL.WantReadError, there.do_handshake)
        self.assertEqual([NAME], self.challenges.asked)
        assert isinstance(there, ChallengedConnection)
        self.assertTrue(there.answer())  # as after a HelloRetryRequest
