"""Handshakes by the role of a listener: versions, ciphers, resumption, renegotiation, ALPN."""

from __future__ import annotations

import contextlib
import ssl

from OpenSSL import SSL
from twisted.internet.interfaces import (
    IOpenSSLServerConnectionCreator,
)
from twisted.internet.protocol import Factory
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.test import iosim
from twisted.trial.unittest import SynchronousTestCase

from mailhost.net.tls.server import HTTPS, Minimums, Role, ServerTLS
from tests.authority import Authority
from tests.net.tls.handshakes import Folder, Offering, Peer, shake

OPPORTUNISTIC = Role(opportunistic=True)


class PythonClient(Folder):
    """Python's own TLS as the client: it shows ciphers and sessions, and can be old."""

    cipher = ""
    reused = False

    def client(self, newest: ssl.TLSVersion, ciphers: str = "") -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.maximum_version = newest
        if ciphers:
            context.set_ciphers(ciphers)
        return context

    def shake(
        self,
        server: IOpenSSLServerConnectionCreator,
        context: ssl.SSLContext,
        name: str = "x.example",
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLSession | None:
        """Shake hands and return the session with its ticket. Raises SSLError."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = context.wrap_bio(incoming, outgoing, server_hostname=name, session=session)
        wrapped = TLSMemoryBIOFactory(server, False, Factory.forProtocol(Peer)).buildProtocol(None)
        transport = iosim.FakeTransport(wrapped, True)
        wrapped.makeConnection(transport)
        for step in (client.do_handshake, client.do_handshake, client.do_handshake, client.read):
            with contextlib.suppress(ssl.SSLWantReadError):
                step()
            if data := outgoing.read():
                wrapped.dataReceived(data)
            incoming.write(b"".join(transport.stream))
            transport.stream.clear()
        self.version = str(client.version())
        self.cipher = (client.cipher() or ("",))[0]
        self.reused = bool(client.session_reused)
        return client.session


class Versions(PythonClient):
    def setUp(self) -> None:
        self.pair = self.certificate("a.example")

    def agreed(
        self, minimums: Minimums, role: Role, newest: ssl.TLSVersion, ciphers: str = ""
    ) -> str:
        """The version that both agree upon. Raises SSLError."""
        server = ServerTLS([self.pair], minimums)
        self.shake(server.factory(role), self.client(newest, ciphers))
        return self.version

    def test_tls_1_2_is_spoken_with_modern_ciphers(self) -> None:
        self.assertEqual(self.agreed(Minimums(), Role(), ssl.TLSVersion.TLSv1_2), "TLSv1.2")
        self.assertRegex(self.cipher, "^ECDHE-.*(GCM|CHACHA20)")

    def test_unless_the_settings_want_1_3(self) -> None:
        with self.assertRaises(ssl.SSLError):
            self.agreed(Minimums("1.3"), Role(), ssl.TLSVersion.TLSv1_2)

    def test_other_servers_may_use_older_ciphers(self) -> None:
        old, ciphers = ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA"
        with self.assertRaises(ssl.SSLError):
            self.agreed(Minimums(), Role(), old, ciphers)
        self.assertEqual(self.agreed(Minimums("1.3"), OPPORTUNISTIC, old, ciphers), "TLSv1.2")
        self.assertEqual(self.cipher, ciphers)

    def test_other_servers_still_get_the_best_that_they_know(self) -> None:
        self.agreed(Minimums(), OPPORTUNISTIC, ssl.TLSVersion.TLSv1_2)
        self.assertRegex(self.cipher, "^ECDHE-.*(GCM|CHACHA20)")

    def test_no_cipher_that_does_not_authenticate_or_encrypt(self) -> None:
        for bad in ("aNULL:@SECLEVEL=0", "eNULL:@SECLEVEL=0", "PSK"):
            with self.assertRaises(ssl.SSLError):
                minimums = Minimums(opportunistic="1.0")
                self.agreed(minimums, OPPORTUNISTIC, ssl.TLSVersion.TLSv1_2, bad)

    def test_deprecated_versions_where_the_settings_say_so_and_on_port_25_alone(self) -> None:
        old, ciphers = ssl.TLSVersion.TLSv1, "DEFAULT:@SECLEVEL=0"
        for minimums, role in (
            (Minimums(), OPPORTUNISTIC),
            (Minimums(opportunistic="1.1"), OPPORTUNISTIC),
            (Minimums(opportunistic="1.0"), Role()),
        ):
            with self.assertRaises(ssl.SSLError):
                self.agreed(minimums, role, old, ciphers)
        self.assertEqual(
            self.agreed(Minimums(opportunistic="1.0"), OPPORTUNISTIC, old, ciphers), "TLSv1"
        )


class Resumption(PythonClient):
    """No session is resumed, over any process; a client that tries makes a full handshake."""

    def setUp(self) -> None:
        pairs = [self.certificate("a.example"), self.certificate("b.example")]
        self.server, self.other = ServerTLS(pairs), ServerTLS(pairs)

    def test_tls_1_2_offers_neither_a_ticket_nor_a_session_id(self) -> None:
        for role in (Role(), OPPORTUNISTIC, HTTPS):
            context = self.client(ssl.TLSVersion.TLSv1_2)
            session = self.shake(self.server.factory(role), context)
            assert session is not None
            self.assertEqual((False, b""), (session.has_ticket, session.id))

    def test_tickets_of_tls_1_3_are_not_accepted_and_do_no_harm(self) -> None:
        for name in ("a.example", "b.example", "x.example"):
            context = self.client(ssl.TLSVersion.TLSv1_3)
            session = self.shake(self.server, context, name)
            for server in (self.server, self.other):
                self.shake(server, context, name, session)
                self.assertEqual(("TLSv1.3", False), (self.version, self.reused))


class Profile(SynchronousTestCase):
    """What each context allows, apart from versions and ciphers."""

    def test_the_options_of_all_roles(self) -> None:
        server = ServerTLS([Authority.new().issue("a.example")])
        for role in (Role(), OPPORTUNISTIC, HTTPS):
            connection = server.connection(role)
            options = connection.set_options(0)
            for option in (
                SSL.OP_NO_RENEGOTIATION,
                SSL.OP_NO_COMPRESSION,
                SSL.OP_CIPHER_SERVER_PREFERENCE,
                SSL.OP_NO_TICKET,
                SSL.OP_NO_SSLv3,
            ):
                self.assertTrue(options & option, (role, option))
            self.assertEqual(SSL.SESS_CACHE_OFF, connection.get_context().get_session_cache_mode())

    def test_the_ciphers_of_strict_listeners(self) -> None:
        ciphers = ServerTLS([Authority.new().issue("a.example")]).connection(Role())
        for name in ciphers.get_cipher_list():
            self.assertRegex(name, "^(TLS_|ECDHE-).*(GCM|CHACHA20|CCM)", name)

    def test_renegotiation_is_refused(self) -> None:
        server = ServerTLS([Authority.new().issue("a.example")])
        for role in (Role(), OPPORTUNISTIC):
            here, there = _both_ends(server.connection(role), SSL.TLS1_2_VERSION)
            self.assertTrue(here.renegotiate())
            with self.assertRaises(SSL.Error):
                for _ in range(4):
                    _step(here, there)
            self.assertEqual(0, there.total_renegotiations())


def _both_ends(there: SSL.Connection, newest: int) -> tuple[SSL.Connection, SSL.Connection]:
    """Return a client's connection and the server's, after their handshake."""
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_max_proto_version(newest)
    here = SSL.Connection(context, None)
    here.set_connect_state()
    there.set_accept_state()
    for _ in range(4):
        _step(here, there)
    return here, there


def _step(here: SSL.Connection, there: SSL.Connection) -> None:
    """Let both ends take their part of a handshake."""
    for one, other in ((here, there), (there, here)):
        with contextlib.suppress(SSL.WantReadError):
            one.do_handshake()
        with contextlib.suppress(SSL.WantReadError):
            other.bio_write(one.bio_read(65_536))
        if one is here:
            with contextlib.suppress(SSL.WantReadError):
                other.recv(1)


class Alpn(Folder):
    """Clients that offer protocols by ALPN (RFC 7301)."""

    def setUp(self) -> None:
        self.server = ServerTLS([self.certificate("a.example"), self.certificate("b.example")])

    def chosen(self, role: Role, name: str, *protocols: bytes) -> bytes | None:
        """The choice of the server; None where the handshake failed."""
        here = shake(self.server.factory(role), Offering(name, *protocols))[1]
        return here.protocol if here.state else None

    def test_a_protocol_that_the_listener_does_not_know_is_no_obstacle(self) -> None:
        for name in ("a.example", "b.example", "elsewhere.example"):
            for offered in ((b"imap",), (b"smtp",), (b"h2", b"http/1.1"), (b"x" * 255,)):
                self.assertEqual(b"", self.chosen(Role(), name, *offered), (name, offered))

    def test_the_listeners_own_protocol_is_chosen(self) -> None:
        pop3 = Role((b"pop3",))
        for name in ("a.example", "b.example"):
            self.assertEqual(b"pop3", self.chosen(pop3, name, b"imap", b"pop3"))
            self.assertEqual(b"", self.chosen(pop3, name, b"imap", b"http/1.1"))
            self.assertEqual(b"", self.chosen(pop3, name))

    def test_after_a_change_of_certificate_too(self) -> None:
        pop3 = Role((b"pop3",))
        self.assertEqual(b"pop3", self.chosen(pop3, "a.example", b"pop3"))
        self.server.replace([self.certificate("a.example")], Minimums())
        self.assertEqual(b"pop3", self.chosen(pop3, "a.example", b"pop3"))
        self.server.replace([self.certificate("c.example")], Minimums())
        for name in ("a.example", "c.example"):
            self.assertEqual(b"", self.chosen(pop3, name, b"imap"))
            self.assertEqual(b"", self.chosen(Role(), name, b"pop3"))
