"""Certificates of the playground's own authority."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.ssl import Certificate, PrivateCertificate
from twisted.trial.unittest import SynchronousTestCase

from mailhost.net.tls.certificate import read_certificate
from mailhost.net.tls.client import client_tls
from mailhost.playground.certificates import CURRENT, Authority, Validity, new_authority
from mailhost.playground.preparing import write_certificate
from tests.net.tls.handshakes import Peer, shake


class CertificateTests(SynchronousTestCase):
    def peer(self, authority: Authority, name: str, validity: Validity = CURRENT) -> Peer:
        """The client's end of a handshake that verifies the certificate for mx.example."""
        pem = authority.issue([name], validity)
        server = PrivateCertificate.loadPEM(pem.key + pem.chain).options()
        trusted = Certificate.loadPEM(self.authority.pem)
        return shake(server, client_tls("mx.example", True, trusted))[1]

    def setUp(self) -> None:
        self.authority = new_authority()

    def test_a_right_one_is_trusted(self) -> None:
        self.assertIsNotNone(self.peer(self.authority, "mx.example").state)

    def test_wrong_ones_are_not(self) -> None:
        for authority, name, validity in (
            (self.authority, "www.example", CURRENT),
            (self.authority, "mx.example", Validity(-92, -2)),
            (new_authority(), "mx.example", CURRENT),
        ):
            self.assertIsNone(self.peer(authority, name, validity).state, (name, validity))

    def test_files_that_a_host_can_read(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        write_certificate(folder, self.authority.issue(["mx.example"]))
        files = read_certificate(str(folder / "chain.pem"), str(folder / "key.pem"))
        self.assertEqual(("mx.example",), files.names)
        self.assertEqual(0o600, (folder / "key.pem").stat().st_mode & 0o777)
