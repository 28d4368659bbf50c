"""Handshakes: the certificate that a server name chooses, reloads, and what a client verifies."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import ssl
import stat
import tempfile
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID
from OpenSSL import SSL
from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint
from twisted.internet.interfaces import (
    IAddress,
    IHandshakeListener,
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
    ITCPTransport,
    ITLSTransport,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.ssl import Certificate
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from twisted.test import iosim
from twisted.trial.unittest import SkipTest, SynchronousTestCase, TestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from mailhost.application.privileges import as_user
from mailhost.message.client import TLSState
from mailhost.net.selfsigned import make_self_signed
from mailhost.net.tls import BadCertificate, Minimums, Role, ServerTLS, client_tls, tls_state


@implementer(IHandshakeListener)
class Peer(Protocol):
    """Notes the end of the handshake, and why the connection was lost."""

    state: TLSState | None = None
    subject: str = ""
    protocol: bytes = b""
    reason: BaseException | None = None

    def handshakeCompleted(self) -> None:
        self.state = tls_state(self.transport)
        handle = cast("TLSMemoryBIOProtocol", self.transport).getHandle()
        self.protocol = handle.get_alpn_proto_negotiated()
        certificate = handle.get_peer_certificate()
        if certificate is not None:
            self.subject = str(certificate.get_subject().CN)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.reason = reason.value


class Folder(SynchronousTestCase):
    """Makes certificates in a folder of its own."""

    def certificate(self, hostname: str, *names: str) -> tuple[str, str]:
        return make_self_signed(os.path.join(self.mktemp(), "tls"), hostname, names)


def shake(
    server: IOpenSSLServerConnectionCreator, client: IOpenSSLClientConnectionCreator
) -> tuple[Peer, Peer]:
    """Shake hands in memory. Returns the server's end and the client's."""
    ends = Peer(), Peer()
    there = TLSMemoryBIOFactory(server, False, _Making(ends[0])).buildProtocol(None)
    here = TLSMemoryBIOFactory(client, True, _Making(ends[1])).buildProtocol(None)
    iosim.connect(
        there, iosim.FakeTransport(there, True), here, iosim.FakeTransport(here, False)
    ).flush()
    return ends


class _Making(Factory):
    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        return self._protocol


def trusted(path: str) -> Certificate:
    with open(path, "rb") as file:
        return Certificate.loadPEM(file.read())


class ServerNames(Folder):
    def setUp(self) -> None:
        self.server = ServerTLS(
            [
                self.certificate("mail.example.com"),
                self.certificate("mail.example.net", "*.example.net"),
                self.certificate("xn--mller-kva.example"),
            ]
        )

    def subject(self, name: str) -> str:
        return shake(self.server, client_tls(name, verify=False))[1].subject

    def test_the_name_chooses(self) -> None:
        self.assertEqual(self.subject("mail.example.com"), "mail.example.com")
        self.assertEqual(self.subject("mail.example.net"), "mail.example.net")
        self.assertEqual(self.subject("MAIL.Example.NET"), "mail.example.net")

    def test_a_wildcard_is_one_label(self) -> None:
        self.assertEqual(self.subject("pop.example.net"), "mail.example.net")
        self.assertEqual(self.subject("a.b.example.net"), "mail.example.com")

    def test_international_names(self) -> None:
        self.assertEqual(self.subject("müller.example"), "xn--mller-kva.example")

    def test_who_is_unknown_or_names_nobody_gets_the_first(self) -> None:
        self.assertEqual(self.subject("elsewhere.example"), "mail.example.com")
        self.assertEqual(self.subject("192.0.2.1"), "mail.example.com")

    def test_the_state_tells_version_cipher_and_name(self) -> None:
        server, client = shake(self.server, client_tls("pop.example.net", verify=False))
        assert server.state and client.state
        self.assertEqual(server.state.version, "TLSv1.3")
        self.assertTrue(server.state.cipher.startswith("TLS_"))
        self.assertEqual(server.state.server_name, "pop.example.net")

    def test_no_handshake_no_state(self) -> None:
        self.assertIsNone(tls_state(None))
        self.assertIsNone(tls_state(iosim.FakeTransport(Protocol(), True)))


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


class Tickets(PythonClient):
    """A session ticket that was sent is accepted (RFC 8446 §4.6.1, RFC 5077)."""

    def setUp(self) -> None:
        self.now = 0.0
        self.server = ServerTLS(
            [self.certificate("a.example"), self.certificate("b.example")],
            seconds=lambda: self.now,
        )

    def test_each_version_each_server_name(self) -> None:
        for newest in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = self.client(newest)
            for name in ("a.example", "b.example", "x.example"):
                session = self.shake(self.server, context, name)
                assert session is not None
                self.assertTrue(session.has_ticket)
                self.assertFalse(self.reused)
                self.shake(self.server, context, name, session)
                self.assertTrue(self.reused, (newest, name))

    def test_keys_are_changed_after_a_day_and_such_a_client_is_served(self) -> None:
        context = self.client(ssl.TLSVersion.TLSv1_3)
        session = self.shake(self.server, context)
        self.now = 86_000.0
        self.shake(self.server, context, session=session)
        self.assertTrue(self.reused)
        self.now = 86_500.0
        self.shake(self.server, context, session=session)
        self.assertFalse(self.reused)
        self.assertEqual("TLSv1.3", self.version)


class Alpn(Folder):
    """Clients that offer protocols by ALPN (RFC 7301)."""

    def setUp(self) -> None:
        self.server = ServerTLS([self.certificate("a.example"), self.certificate("b.example")])

    def chosen(self, role: Role, name: str, *protocols: bytes) -> bytes | None:
        """What the server chose; None where the handshake failed."""
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


@implementer(IOpenSSLClientConnectionCreator)
class Offering:
    """A client that offers protocols."""

    def __init__(self, name: str, *protocols: bytes) -> None:
        self._client = client_tls(name, verify=False)
        self._protocols = protocols

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        connection = self._client.clientConnectionForTLS(tlsProtocol)
        if self._protocols:
            connection.set_alpn_protos(self._protocols)
        return connection


class Reload(Folder):
    def setUp(self) -> None:
        self.chain, self.key = self.certificate("old.example")
        self.server = ServerTLS([(self.chain, self.key)])

    def subject(self) -> str:
        return shake(self.server, client_tls("x.example", verify=False))[1].subject

    def reload(self) -> None:
        self.server.replace([(self.chain, self.key)], Minimums())

    def put(self, chain: str, key: str) -> None:
        shutil.copy(chain, self.chain)
        shutil.copy(key, self.key)

    def test_new_files_are_used_by_new_connections(self) -> None:
        creator, pop3 = self.server.factory(), self.server.factory(Role((b"pop3",)))
        self.put(*self.certificate("new.example"))
        self.assertEqual(self.subject(), "old.example")
        self.reload()
        self.assertEqual(self.subject(), "new.example")
        for same in (creator, pop3):
            there = shake(same, client_tls("x.example", verify=False))[1]
            self.assertEqual(there.subject, "new.example")

    def test_a_fault_keeps_the_old_ones(self) -> None:
        shutil.copy(self.certificate("new.example")[0], self.chain)
        self.assertRaises(BadCertificate, self.reload)
        self.assertEqual(self.subject(), "old.example")

    def test_other_files(self) -> None:
        self.server.replace([self.certificate("new.example")], Minimums("1.3"))
        self.assertEqual(self.subject(), "new.example")
        nowhere = [("/nowhere", "/nowhere")]
        self.assertRaises(BadCertificate, self.server.replace, nowhere, Minimums())
        self.assertEqual(self.subject(), "new.example")

    def test_it_is_what_transports_want(self) -> None:
        verifyObject(IOpenSSLServerConnectionCreator, self.server)


class Faults(Folder):
    def words(self, chain: str, key: str) -> str:
        with self.assertRaises(BadCertificate) as caught:
            ServerTLS([(chain, key)])
        return str(caught.exception)

    def file(self, contents: bytes) -> str:
        path: str = self.mktemp()
        with open(path, "wb") as file:
            file.write(contents)
        return path

    def test_the_key_of_another(self) -> None:
        chain, _ = self.certificate("a.example")
        _, key = self.certificate("b.example")
        self.assertIn(f"the key in {key} is not that of", self.words(chain, key))

    def test_unreadable(self) -> None:
        chain, key = self.certificate("a.example")
        self.assertIn("cannot read /nowhere: No such file", self.words("/nowhere", key))
        self.assertIn("cannot read /nowhere: No such file", self.words(chain, "/nowhere"))

    def test_no_pem(self) -> None:
        chain, key = self.certificate("a.example")
        junk = self.file(b"\0junk")
        self.assertIn(f"{junk} holds no certificate", self.words(junk, key))
        self.assertIn(f"{junk} holds no private key", self.words(chain, junk))
        self.assertIn("holds no private key", self.words(chain, chain))

    def test_a_passphrase(self) -> None:
        chain, key = self.certificate("a.example")
        with open(key, "rb") as file:
            plain = load_pem_private_key(file.read(), None)
        locked = plain.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
        )
        self.assertIn("asks for a passphrase", self.words(chain, self.file(locked)))

    def test_none_at_all(self) -> None:
        self.assertRaises(BadCertificate, ServerTLS, [])


class Clients(Folder):
    def setUp(self) -> None:
        self.chain, self.key = self.certificate("mx.example.com")
        self.server = ServerTLS([(self.chain, self.key)])

    def test_the_right_name_from_a_trusted_authority(self) -> None:
        client = client_tls("mx.example.com", True, trusted(self.chain))
        self.assertIsNotNone(shake(self.server, client)[1].state)

    def test_an_ip_address(self) -> None:
        client = client_tls("127.0.0.1", True, trusted(self.chain))
        self.assertIsNotNone(shake(self.server, client)[1].state)

    def test_another_name_loses_the_connection(self) -> None:
        client = client_tls("mx.example.net", True, trusted(self.chain))
        here = shake(self.server, client)[1]
        self.assertIsNone(here.state)
        self.assertIn("VerificationError", type(here.reason).__name__)

    def test_the_machine_does_not_trust_a_self_signed_one(self) -> None:
        here = shake(self.server, client_tls("mx.example.com", True))[1]
        self.assertIsNone(here.state)
        self.assertIsInstance(here.reason, SSL.Error)

    def test_opportunistic_takes_what_comes(self) -> None:
        for name in ("mx.example.net", "192.0.2.1", "2001:db8::1", "bad_name..example", "ß" * 70):
            client = client_tls(name, False)
            verifyObject(IOpenSSLClientConnectionCreator, client)
            self.assertIsNotNone(shake(self.server, client)[1].state, name)

    def test_names_that_no_certificate_has(self) -> None:
        for name in ("bad_name.example", "a..b", ""):
            self.assertRaises(ValueError, client_tls, name, True)


class Chains(Folder):
    """A certificate of an authority below another."""

    def setUp(self) -> None:
        root, root_key = issue("root")
        middle, middle_key = issue("middle", root, root_key)
        leaf, leaf_key = issue("mx.example.com", middle, middle_key, ca=False)
        self.root = Certificate.loadPEM(pem(root))
        self.leaf, self.middle = pem(leaf), pem(middle)
        self.key = self.put(key_pem(leaf_key))

    def put(self, contents: bytes) -> str:
        path: str = self.mktemp()
        with open(path, "wb") as file:
            file.write(contents)
        return path

    def test_the_whole_chain_is_sent_and_verified(self) -> None:
        server = ServerTLS([(self.put(self.leaf + self.middle), self.key)])
        client = client_tls("mx.example.com", True, self.root)
        self.assertEqual(shake(server, client)[1].subject, "mx.example.com")

    def test_without_its_middle_nobody_trusts_it(self) -> None:
        server = ServerTLS([(self.put(self.leaf), self.key)])
        client = client_tls("mx.example.com", True, self.root)
        self.assertIsNone(shake(server, client)[1].state)

    def test_the_own_certificate_comes_first(self) -> None:
        pair = (self.put(self.middle + self.leaf), self.key)
        error: BadCertificate = self.assertRaises(BadCertificate, ServerTLS, [pair])
        self.assertIn("put that certificate first", str(error))


Key = ec.EllipticCurvePrivateKey


def issue(
    name: str,
    by: x509.Certificate | None = None,
    by_key: Key | None = None,
    ca: bool = True,
    life: tuple[datetime, datetime] | None = None,
) -> tuple[x509.Certificate, Key]:
    """Make a certificate, signed by itself or by another."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    begins, ends = life or (now - timedelta(days=1), now + timedelta(days=1))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .sign(by_key or key, hashes.SHA256())
    )
    return certificate, key


def key_pem(key: Key) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


class SelfSigned(Folder):
    def test_a_link_or_file_in_the_way_is_not_written_through(self) -> None:
        folder = self.mktemp()
        os.mkdir(folder)
        target = os.path.abspath(self.mktemp())
        for name in ("key.pem", "chain.pem"):
            os.symlink(target, os.path.join(folder, f"{name}.{os.getpid()}.tmp"))
        make_self_signed(folder, "mail.example.com")
        self.assertFalse(os.path.exists(target))

    def test_files_of_another_user_are_replaced(self) -> None:
        if os.getuid() != 0:
            raise SkipTest("only root becomes another user")
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        _, key = make_self_signed(folder, "mail.example.com")
        os.chown(folder, pwd.getpwnam("nobody").pw_uid, -1)
        with as_user("nobody"):
            make_self_signed(folder, "mail.example.com")
            with open(key) as file:
                self.assertIn("PRIVATE KEY", file.read())

    def test_made_once_with_a_secret_key(self) -> None:
        folder = self.mktemp()
        chain, key = make_self_signed(folder, "mail.example.com")
        with open(chain) as file:
            first = file.read()
        self.assertEqual(stat.S_IMODE(os.stat(key).st_mode), 0o600)
        self.assertEqual(make_self_signed(folder, "mail.example.com"), (chain, key))
        with open(chain) as file:
            self.assertEqual(file.read(), first)
        self.assertEqual(sorted(os.listdir(folder)), ["chain.pem", "key.pem"])

    def test_python_verifies_it_for_each_of_its_names(self) -> None:
        chain, key = self.certificate("mail.example.com", "example.com")
        server = ServerTLS([(chain, key)])
        for name in ("mail.example.com", "example.com", "localhost", "127.0.0.1", "::1"):
            here = shake(server, client_tls(name, True, trusted(chain)))[1]
            self.assertIsNotNone(here.state, name)


class Starttls(Peer):
    """Starts TLS as soon as it is connected."""

    def __init__(self, creator: Any, done: Deferred[Starttls]) -> None:
        self._creator = creator
        self._done = done

    def connectionMade(self) -> None:
        ITLSTransport(self.transport).startTLS(self._creator)

    def handshakeCompleted(self) -> None:
        super().handshakeCompleted()
        self._done.callback(self)


class OnRealSockets(TestCase):
    async def test_starttls_on_both_ends(self) -> None:
        chain, key = make_self_signed(self.mktemp(), "mail.example.com")
        there: Deferred[Starttls] = Deferred()
        here: Deferred[Starttls] = Deferred()
        creator = ServerTLS([(chain, key)]).factory()
        factory = _Making(Starttls(creator, there))
        port = await TCP4ServerEndpoint(installed_reactor, 0, interface="127.0.0.1").listen(factory)
        verifying = client_tls("mail.example.com", True, trusted(chain))
        endpoint = TCP4ClientEndpoint(installed_reactor, "127.0.0.1", port.getHost().port)
        await endpoint.connect(_Making(Starttls(verifying, here)))
        server, client = await there, await here
        assert server.state and client.transport and server.transport
        self.assertEqual(server.state.version, "TLSv1.3")
        self.assertEqual(server.state.server_name, "mail.example.com")
        ITCPTransport(client.transport).abortConnection()
        ITCPTransport(server.transport).abortConnection()
        await port.stopListening()
