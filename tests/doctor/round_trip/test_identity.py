"""A listener gets the password only if it has a certificate of the host."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL.crypto import X509
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from mailhost.config.model import Settings
from mailhost.doctor.abuse.connecting import Connection, Place
from mailhost.doctor.round_trip.faults import TEST_PASSWORD_WITHHELD
from mailhost.doctor.round_trip.identity import NotOurs, own_certificates
from mailhost.doctor.round_trip.message import make_message
from mailhost.doctor.round_trip.reading import CannotRead, found_by_imap, found_by_pop3
from mailhost.doctor.round_trip.submission import Submitted, submit_as_user
from mailhost.net.tls.certificate import read_certificate
from tests.doctor.abuse.fake_server import FakeServer
from tests.net.tls.handshakes import Folder

USER, PASSWORD = "ann@here.net", "secret"


class ReadingTests(Folder):
    def setUp(self) -> None:
        paths = self.certificate("mx.here.net")
        self.der = read_certificate(*paths).chain[0].public_bytes(Encoding.DER)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*paths)
        self.lines: list[bytes] = []

    @contextmanager
    def serving(self, greeting: bytes, reply: Callable[[bytes], bytes]) -> Iterator[Place]:
        """A server with TLS from the first octet, for one client, whose lines are kept."""
        server = socket.create_server(("127.0.0.1", 0))

        def serve() -> None:
            wire, _ = server.accept()
            with wire, self.context.wrap_socket(wire, server_side=True) as encrypted:
                encrypted.sendall(greeting)
                for line in encrypted.makefile("rb"):
                    self.lines.append(line)
                    encrypted.sendall(reply(line))

        def serve_until_the_client_has_gone() -> None:
            try:
                serve()
            except OSError:
                return

        thread = threading.Thread(target=serve_until_the_client_has_gone, daemon=True)
        thread.start()
        try:
            yield Place("127.0.0.1", server.getsockname()[1], implicit_tls=True)
        finally:
            thread.join(5)
            server.close()

    def by_pop3(self, own: Collection[bytes]) -> None:
        with self.serving(b"+OK\r\n", lambda line: b"-ERR no\r\n") as place:
            found_by_pop3(own, place, USER, PASSWORD, "<one@here.net>")

    def by_imap(self, own: Collection[bytes]) -> None:
        def reply(line: bytes) -> bytes:
            tag, command, *_ = line.split()
            if command == b"CAPABILITY":
                return b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n%s OK done\r\n" % tag
            if command == b"LOGOUT":
                return b"* BYE\r\n%s OK done\r\n" % tag
            return b"%s NO wrong\r\n" % tag

        with self.serving(b"* OK\r\n", reply) as place:
            found_by_imap(own, place, USER, PASSWORD, "<one@here.net>")

    def test_another_program_gets_no_login(self) -> None:
        for read in (self.by_pop3, self.by_imap):
            self.assertRaises(NotOurs, read, {b"another"})
        sent = b"".join(self.lines)
        for each in (b"USER", b"PASS", b"AUTHENTICATE", b"LOGIN"):
            self.assertNotIn(each, sent)

    def test_the_host_gets_the_login(self) -> None:
        for read in (self.by_pop3, self.by_imap):
            self.assertRaises(CannotRead, read, {self.der})
        sent = b"".join(self.lines)
        for each in (b"USER", b"AUTHENTICATE"):
            self.assertIn(each, sent)

    def settings(self, **more: Any) -> Settings:
        values = {"version": 1, "hostname": "mx.here.net", "data": self.mktemp(), "listen": []}
        return Settings.model_validate(values | more)

    def test_certificates_of_the_settings(self) -> None:
        chain, key = self.certificate("mx.here.net")
        der = read_certificate(chain, key).chain[0].public_bytes(Encoding.DER)
        pairs = [{"chain": chain, "key": key}, {"chain": self.mktemp(), "key": key}]
        self.assertEqual({der}, own_certificates(self.settings(tls={"certificate": pairs})))
        self.assertEqual(frozenset(), own_certificates(self.settings()))


class SubmissionTests(Folder):
    def setUp(self) -> None:
        self.certificate_of_host = read_certificate(*self.certificate("mx.here.net")).chain[0]
        self.server = FakeServer(self.reply)
        self.server.usual = {**FakeServer.usual, "EHLO": "250-there.example\r\n250 AUTH PLAIN"}

    def reply(self, command: str) -> str:
        return "535 5.7.8 wrong" if command.startswith("AUTH") else "500 no"

    async def open_over_tls(self) -> Connection:
        connection = await self.server.open()
        connection.wire.secure = True
        transport: Any = connection.wire.transport
        transport.getPeerCertificate = lambda: X509.from_cryptography(self.certificate_of_host)
        return connection

    def submit(self, own: Collection[bytes]) -> Submitted:
        message = make_message("mx.here.net", "sue@far.example")
        submitting = submit_as_user(
            self.open_over_tls, Clock(), message, USER, PASSWORD, "sue@far.example", own
        )
        return self.successResultOf(Deferred.fromCoroutine(submitting))

    def test_another_program_gets_no_password(self) -> None:
        submitted = self.submit(())
        self.assertEqual(TEST_PASSWORD_WITHHELD, submitted.finding.fault)
        self.assertEqual("", submitted.identity)
        self.assertEqual([], self.server.of("AUTH"))

    def test_the_host_gets_the_password(self) -> None:
        submitted = self.submit({self.certificate_of_host.public_bytes(Encoding.DER)})
        self.assertIn("535 5.7.8 wrong", submitted.finding.seen)
        self.assertEqual(1, len(self.server.of("AUTH")))
