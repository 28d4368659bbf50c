"""Handshakes: the certificate that a server name chooses, reloads, and what a client verifies."""

from __future__ import annotations

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
from mailhost.net.tls import BadCertificate, ServerTLS, client_tls, tls_state

LATER = datetime(2099, 1, 1, tzinfo=UTC)
EARLIER = datetime(2001, 1, 1, tzinfo=UTC)


@implementer(IHandshakeListener)
class Peer(Protocol):
    """Notes the end of the handshake, and why the connection was lost."""

    state: TLSState | None = None
    subject: str = ""
    reason: BaseException | None = None

    def handshakeCompleted(self) -> None:
        self.state = tls_state(self.transport)
        handle = cast("TLSMemoryBIOProtocol", self.transport).getHandle()
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


class Versions(Folder):
    def old_client(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        return context

    def version(self, server: ServerTLS) -> str:
        """Let Python's own TLS shake hands, with TLS 1.2 at most."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = self.old_client().wrap_bio(incoming, outgoing, server_hostname="x.example")
        wrapped = TLSMemoryBIOFactory(server, False, Factory.forProtocol(Peer)).buildProtocol(None)
        transport = iosim.FakeTransport(wrapped, True)
        wrapped.makeConnection(transport)
        for _ in range(4):
            try:
                client.do_handshake()
            except ssl.SSLWantReadError:
                wrapped.dataReceived(outgoing.read())
                incoming.write(b"".join(transport.stream))
                transport.stream.clear()
        self.cipher = client.cipher()
        return str(client.version())

    def test_tls_1_2_is_spoken_with_modern_ciphers(self) -> None:
        self.assertEqual(self.version(ServerTLS([self.certificate("a.example")])), "TLSv1.2")
        assert self.cipher
        self.assertRegex(self.cipher[0], "^ECDHE-.*(GCM|CHACHA20)")

    def test_unless_the_settings_want_1_3(self) -> None:
        server = ServerTLS([self.certificate("a.example")], "1.3")
        self.assertRaises(ssl.SSLError, self.version, server)


class Reload(Folder):
    def setUp(self) -> None:
        self.chain, self.key = self.certificate("old.example")
        self.server = ServerTLS([(self.chain, self.key)])

    def subject(self) -> str:
        return shake(self.server, client_tls("x.example", verify=False))[1].subject

    def put(self, chain: str, key: str) -> None:
        shutil.copy(chain, self.chain)
        shutil.copy(key, self.key)

    def test_new_files_are_used_by_new_connections(self) -> None:
        creator = self.server.factory()
        self.put(*self.certificate("new.example"))
        self.assertEqual(self.subject(), "old.example")
        self.server.reload()
        self.assertEqual(self.subject(), "new.example")
        self.assertIs(self.server.factory(), creator)

    def test_a_fault_keeps_the_old_ones(self) -> None:
        shutil.copy(self.certificate("new.example")[0], self.chain)
        self.assertRaises(BadCertificate, self.server.reload)
        self.assertEqual(self.subject(), "old.example")

    def test_other_files(self) -> None:
        self.server.replace([self.certificate("new.example")], "1.3")
        self.assertEqual(self.subject(), "new.example")
        self.assertRaises(BadCertificate, self.server.replace, [("/nowhere", "/nowhere")], "1.2")
        self.server.reload()
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

    def test_out_of_date_is_a_warning(self) -> None:
        pair = self.certificate("a.example")
        (late,) = ServerTLS([pair], now=lambda: LATER).warnings
        (early,) = ServerTLS([pair], now=lambda: EARLIER).warnings
        self.assertIn(f"{pair[0]} ran out on", late)
        self.assertIn(f"{pair[0]} is not valid before", early)

    def test_an_open_key_is_a_warning(self) -> None:
        pair = self.certificate("a.example")
        self.assertEqual(ServerTLS([pair]).warnings, ())
        os.chmod(pair[1], 0o644)
        (warning,) = ServerTLS([pair]).warnings
        self.assertIn(f"chmod o= {pair[1]}", warning)


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
        self.key = self.put(
            leaf_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )

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
    name: str, by: x509.Certificate | None = None, by_key: Key | None = None, ca: bool = True
) -> tuple[x509.Certificate, Key]:
    """Make a certificate, signed by itself or by another."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .sign(by_key or key, hashes.SHA256())
    )
    return certificate, key


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

    def test_what_another_user_made_there_is_made_anew(self) -> None:
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
