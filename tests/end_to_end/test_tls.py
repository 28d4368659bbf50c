"""TLS of all listeners: the certificate for a server name, application protocols, no resumption,
renewed files."""

from __future__ import annotations

import socket
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from mailhost.net.tls.certificate import PEM
from tests.authority import Authority, write_pem
from tests.end_to_end.running import RunningHost
from tests.end_to_end.shared import SharedHost

OWN, OTHER = "mx.example.org", "mail.example.net"
STARTTLS = {
    "smtp": (b"EHLO client.example\r\n", b"STARTTLS\r\n"),
    "submission": (b"EHLO client.example\r\n", b"STARTTLS\r\n"),
    "imap": (b"a STARTTLS\r\n",),
    "pop3": (b"STLS\r\n",),
}
IMPLICIT = ("submissions", "imaps", "pop3s", "https")
LOOKS_OFTEN = """
from mailhost.application import certificates
from twisted.scripts.twistd import run
certificates.CHECK_INTERVAL = 0.5  # seconds, in place of a minute
run()
"""
END = "-----END CERTIFICATE-----\n"
ALPN = {"imap": "imap", "imaps": "imap", "pop3": "pop3", "pop3s": "pop3", "https": "http/1.1"}


class Listeners(SharedHost):
    settings = f"""
workers = 2
[web]
[[tls.certificate]]
chain = "{OWN}/chain.pem"
key = "{OWN}/key.pem"
[[tls.certificate]]
chain = "{OTHER}/chain.pem"
key = "{OTHER}/key.pem"
"""
    protocols = (*STARTTLS, *IMPLICIT)

    authority: ClassVar[Authority]

    def prepare(self, host: RunningHost) -> None:
        host.starter = (sys.executable, "-c", LOOKS_OFTEN, "-n", "--pidfile=", "mailhost")
        authority = Listeners.authority = Authority.new()
        Path(host.folder, "authority.pem").write_bytes(authority.pem)
        for name in (OWN, OTHER):
            pem: PEM = authority.below().issue(name)
            write_pem(str(host.folder / name), pem)

    def context(self, newest: ssl.TLSVersion, *alpn: str) -> ssl.SSLContext:
        """A client that verifies certificates and their names."""
        context = ssl.create_default_context(cafile=str(self.host.folder / "authority.pem"))
        context.maximum_version = newest
        context.set_alpn_protocols(alpn)
        return context

    def connect(
        self,
        protocol: str,
        context: ssl.SSLContext,
        name: str = OWN,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLSocket:
        """A connection after its handshake. Raises SSLError."""
        client = socket.create_connection((self.host.address, self.host.ports[protocol]), 30)
        self.addCleanup(client.close)
        for command in STARTTLS.get(protocol, ()):
            client.recv(4096)
            client.sendall(command)
        if protocol in STARTTLS:
            client.recv(4096)
        wrapped = context.wrap_socket(client, server_hostname=name, session=session)
        self.addCleanup(wrapped.close)
        return wrapped

    def versions(self) -> Iterator[tuple[str, ssl.TLSVersion]]:
        for newest in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            yield from ((protocol, newest) for protocol in self.protocols)

    def test_the_certificate_for_each_server_name(self) -> None:
        for protocol, newest in self.versions():
            for name in (OWN, OTHER):
                self.connect(protocol, self.context(newest), name)
            with self.assertRaises(ssl.SSLCertVerificationError):
                self.connect(protocol, self.context(newest), "mail.example.com")

    def test_a_client_that_offers_any_protocol_is_served(self) -> None:
        for protocol, newest in self.versions():
            for offered in (("h2", "foo"), ("acme-tls/1", "foo")):
                client = self.connect(protocol, self.context(newest, *offered))
                self.assertIsNone(client.selected_alpn_protocol(), protocol)
            every = ("h2", "http/1.1", "imap", "pop3", "smtp")
            client = self.connect(protocol, self.context(newest, *every))
            self.assertEqual(ALPN.get(protocol), client.selected_alpn_protocol())

    def test_an_authority_that_checks_a_name_is_refused_without_a_challenge(self) -> None:
        for protocol, newest in self.versions():
            context = self.context(newest, "acme-tls/1")
            if protocol == "https":
                with self.assertRaises(ssl.SSLError):
                    self.connect(protocol, context)
            else:
                self.connect(protocol, context)

    def test_renewed_files_are_used_by_all_processes_and_no_connection_ends(self) -> None:
        context, since = self.context(ssl.TLSVersion.TLSv1_3), self.host.mark()
        clients = [self.connect("imaps", context, OTHER) for _ in range(6)]
        renewed = Listeners.authority.below().issue(OTHER)
        write_pem(str(self.host.folder / OTHER), renewed)
        self.host.wait_for("renewed certificates are in use, valid until", since)
        own = ssl.PEM_cert_to_DER_cert(renewed.chain.decode().partition("-----END")[0] + END)

        def shown() -> set[bytes | None]:
            found = [self.connect("imaps", context, OTHER) for _ in range(8)]
            found.append(self.connect("https", context, OTHER))
            return {client.getpeercert(binary_form=True) for client in found}

        self.host.until(lambda: shown() == {own}, "a process has the former certificate")
        for client in clients:
            self.assertTrue(client.recv(4096).startswith(b"* OK"))
            client.sendall(b"a NOOP\r\n")
            self.assertTrue(client.recv(4096).startswith(b"a OK"))

    def test_no_process_resumes_a_session_and_none_is_hurt(self) -> None:
        for protocol, newest in self.versions():
            context = self.context(newest)
            session = None
            for _ in range(4):
                client = self.connect(protocol, context, session=session)
                self.assertFalse(client.session_reused)
                if protocol in ("submissions", "imaps"):
                    self.assertTrue(client.recv(4096))  # with TLS 1.3 the tickets come before it
                session = client.session
            if newest is ssl.TLSVersion.TLSv1_2:
                assert session is not None
                self.assertEqual((False, b""), (session.has_ticket, session.id))
