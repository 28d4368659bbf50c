"""Handshakes: the certificate that a server name chooses, reloads, and what a client verifies."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import tempfile
from typing import Any

from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from OpenSSL import SSL
from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
    ITCPTransport,
    ITLSTransport,
)
from twisted.internet.protocol import Protocol
from twisted.internet.ssl import Certificate
from twisted.test import iosim
from twisted.trial.unittest import SkipTest, TestCase
from zope.interface.verify import verifyObject

from mailhost.application.privileges import as_user
from mailhost.net.tls import server_contexts
from mailhost.net.tls.certificate import CertificateFiles
from mailhost.net.tls.client import client_tls
from mailhost.net.tls.selfsigned import make_self_signed
from mailhost.net.tls.server import BadCertificate, Minimums, Role, ServerTLS, tls_state
from tests.net.tls.handshakes import Folder, Making, Peer, issue, key_pem, pem, shake, trusted


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

    def test_a_certificate_that_stays_keeps_its_context(self) -> None:
        other = self.certificate("other.example")
        made: list[str] = []
        make = server_contexts._context

        def noted(files: CertificateFiles, minimum: str, role: Role) -> SSL.Context:
            made.append(files.names[0])
            return make(files, minimum, role)

        self.patch(server_contexts, "_context", noted)
        self.server.replace([(self.chain, self.key), other], Minimums())
        pop3 = self.server.factory(Role((b"pop3",)))
        shake(pop3, client_tls("other.example", verify=False))
        self.assertEqual(["old.example", "other.example"] * 2, made)
        made.clear()
        self.put(*self.certificate("new.example"))
        self.server.replace([(self.chain, self.key), other], Minimums())
        for creator in (self.server, pop3):
            for name, subject in (("other.example", "other.example"), ("x.example", "new.example")):
                there = shake(creator, client_tls(name, verify=False))[1]
                self.assertEqual(subject, there.subject)
        self.assertEqual(["new.example"] * 2, made)
        made.clear()
        self.server.replace([(self.chain, self.key), other], Minimums("1.3"))
        self.assertEqual(["new.example", "new.example", "other.example"], made)

    def test_what_another_process_read_is_parsed_once(self) -> None:
        self.server.replace(self.server.pem, Minimums())
        [files] = self.server.certificates
        self.server.replace(self.server.pem, Minimums())
        self.assertIs(files, self.server.certificates[0])

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
    def text(self, chain: str, key: str) -> str:
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
        self.assertIn(f"the key in {key} is not that of", self.text(chain, key))

    def test_unreadable(self) -> None:
        chain, key = self.certificate("a.example")
        self.assertIn("cannot read /nowhere: No such file", self.text("/nowhere", key))
        self.assertIn("cannot read /nowhere: No such file", self.text(chain, "/nowhere"))

    def test_no_pem(self) -> None:
        chain, key = self.certificate("a.example")
        junk = self.file(b"\0junk")
        self.assertIn(f"{junk} holds no certificate", self.text(junk, key))
        self.assertIn(f"{junk} holds no private key", self.text(chain, junk))
        self.assertIn("holds no private key", self.text(chain, chain))

    def test_a_passphrase(self) -> None:
        chain, key = self.certificate("a.example")
        with open(key, "rb") as file:
            plain = load_pem_private_key(file.read(), None)
        locked = plain.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
        )
        self.assertIn("asks for a passphrase", self.text(chain, self.file(locked)))

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
        factory = Making(Starttls(creator, there))
        port = await TCP4ServerEndpoint(installed_reactor, 0, interface="127.0.0.1").listen(factory)
        verifying = client_tls("mail.example.com", True, trusted(chain))
        endpoint = TCP4ClientEndpoint(installed_reactor, "127.0.0.1", port.getHost().port)
        await endpoint.connect(Making(Starttls(verifying, here)))
        server, client = await there, await here
        assert server.state and client.transport and server.transport
        self.assertEqual(server.state.version, "TLSv1.3")
        self.assertEqual(server.state.server_name, "mail.example.com")
        ITCPTransport(client.transport).abortConnection()
        ITCPTransport(server.transport).abortConnection()
        await port.stopListening()
