"""Connections to listeners: greetings and certificates, by servers on loopback."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding

from mailhost.config.model import Listen
from mailhost.config.protocol import ListenProtocol
from mailhost.doctor.host import probe
from mailhost.doctor.host.probe import (
    ListenerPlace,
    NoHandshake,
    NotReached,
    certificate_of,
    greeting_of,
    place_of,
)
from mailhost.net.tls.certificate import read_certificate
from tests.net.tls.handshakes import Folder

Dialogue = Callable[[socket.socket], None]


class ProbeTests(Folder):
    def setUp(self) -> None:
        self.patch(probe, "SECONDS", 0.2)
        paths = self.certificate("mail.example.test")
        self.der = read_certificate(*paths).chain[0].public_bytes(Encoding.DER)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*paths)

    @contextmanager
    def serving(self, dialogue: Dialogue) -> Iterator[int]:
        """A server that has this dialogue with its only client."""
        server = socket.create_server(("127.0.0.1", 0))

        def serve() -> None:
            wire, _ = server.accept()
            with wire:
                try:
                    dialogue(wire)
                except OSError:
                    return  # the client has gone

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            thread.join(5)
            server.close()

    def place(self, port: int, protocol: str = "smtp", **more: Any) -> ListenerPlace:
        return ListenerPlace(ListenProtocol(protocol), "127.0.0.1", port, **more)

    def lines(self, *pairs: tuple[bytes, bytes]) -> Dialogue:
        """Wait for each first text, and send the second; then shake hands."""

        def talk(wire: socket.socket) -> None:
            for wanted, reply in pairs:
                if wanted:
                    self.assertEqual(wanted, wire.recv(1000))
                wire.sendall(reply)
            with self.context.wrap_socket(wire, server_side=True):
                pass

        return talk

    def test_a_greeting(self) -> None:
        with self.serving(lambda wire: wire.sendall(b"220-mail\r\n220 ready\r\n")) as port:
            self.assertEqual("220-mail", greeting_of(self.place(port)))

    def test_the_web_listener_answers_a_request(self) -> None:
        def talk(wire: socket.socket) -> None:
            self.assertTrue(wire.recv(1000).startswith(b"OPTIONS * HTTP/1.1\r\n"))
            wire.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

        with self.serving(talk) as port:
            self.assertEqual("HTTP/1.1 204 No Content", greeting_of(self.place(port, "http")))

    def test_a_greeting_behind_the_handshake(self) -> None:
        def talk(wire: socket.socket) -> None:
            with self.context.wrap_socket(wire, server_side=True) as encrypted:
                encrypted.sendall(b"* OK mail\r\n")

        with self.serving(talk) as port:
            self.assertEqual("* OK mail", greeting_of(self.place(port, "imaps")))

    def test_a_listener_behind_a_proxy_needs_its_header(self) -> None:
        def talk(wire: socket.socket) -> None:
            wire.sendall(wire.recv(1000))

        with self.serving(talk) as port:
            self.assertEqual("PROXY UNKNOWN", greeting_of(self.place(port, proxied=True)))

    def test_silence(self) -> None:
        def talk(wire: socket.socket) -> None:
            wire.recv(1000)
            wire.recv(1000)

        for protocol in ("smtp", "submissions"):
            with self.serving(talk) as port:
                self.assertEqual("", greeting_of(self.place(port, protocol)))

    def test_a_program_that_sends_octet_by_octet(self) -> None:
        def drip(wire: socket.socket) -> None:
            for _ in range(30):
                wire.sendall(b"x")
                time.sleep(0.02)

        with self.serving(drip) as port:
            self.assertEqual("", greeting_of(self.place(port)))
        with self.serving(drip) as port:
            error = self.assertRaises(NotReached, certificate_of, self.place(port), "mail.example")
        self.assertEqual("no answer within 0.2 s", str(error))

    def test_nothing_listens(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        error = self.assertRaises(NotReached, greeting_of, self.place(port))
        self.assertEqual("Connection refused", str(error))
        missing = ListenerPlace(ListenProtocol.LMTP, path="/nowhere/lmtp.sock")
        self.assertRaises(NotReached, greeting_of, missing)

    def test_a_handshake_that_fails(self) -> None:
        with self.serving(lambda wire: wire.sendall(b"220 not TLS\r\n")) as port:
            error = self.assertRaises(NoHandshake, greeting_of, self.place(port, "submissions"))
        self.assertIn("the TLS handshake fails", str(error))

    def test_certificates_by_starttls(self) -> None:
        dialogues = {
            "smtp": (
                (b"", b"220 mail\r\n"),
                (b"EHLO localhost\r\n", b"250-mail\r\n250-STARTTLS\r\n250 SIZE\r\n"),
                (b"STARTTLS\r\n", b"220 go\r\n"),
            ),
            "imap": (
                (b"", b"* OK mail\r\n"),
                (b"a1 CAPABILITY\r\n", b"* CAPABILITY IMAP4rev1 STARTTLS\r\na1 OK\r\n"),
                (b"a2 STARTTLS\r\n", b"a2 OK go\r\n"),
            ),
            "pop3": (
                (b"", b"+OK mail\r\n"),
                (b"CAPA\r\n", b"+OK\r\nSTLS\r\n.\r\n"),
                (b"STLS\r\n", b"+OK go\r\n"),
            ),
        }
        for protocol, dialogue in dialogues.items():
            with self.serving(self.lines(*dialogue)) as port:
                found = certificate_of(self.place(port, protocol), "mail.example.test")
            self.assertEqual(self.der, found, protocol)

    def test_certificates_from_the_first_octet(self) -> None:
        with self.serving(self.lines()) as port:
            found = certificate_of(self.place(port, "submissions"), "mail.example.test")
        self.assertEqual(self.der, found)

    def test_no_tls(self) -> None:
        dialogue = ((b"", b"220 mail\r\n"), (b"EHLO localhost\r\n", b"250 mail\r\n"))
        with self.serving(self.lines(*dialogue)) as port:
            self.assertEqual(b"", certificate_of(self.place(port), "mail.example.test"))

    def test_places(self) -> None:
        def place(endpoint: str, protocol: str = "smtp") -> str:
            return str(
                place_of(Listen.model_validate({"protocol": protocol, "endpoint": endpoint}))
            )

        self.assertEqual("smtp at [::]:25", place("tcp:[::]:25"))
        self.assertEqual("smtp at 0.0.0.0:25", place("haproxy:tcp:25"))
        self.assertEqual("imap at 0.0.0.0:143", place("systemd:domain=INET6:index=0", "imap"))
        self.assertEqual("lmtp at /run/x/lmtp.sock", place("unix:/run/x/lmtp.sock", "lmtp"))
        self.assertEqual("None", place("tcp:0"))
        self.assertEqual("None", place("systemd:domain=UNIX:index=0", "lmtp"))
