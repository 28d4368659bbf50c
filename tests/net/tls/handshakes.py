"""Certificates and handshakes in memory, for tests of TLS."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID
from OpenSSL import SSL
from twisted.internet.interfaces import (
    IAddress,
    IHandshakeListener,
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.ssl import Certificate
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from twisted.test import iosim
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mailhost.message.client import TLSState
from mailhost.net.tls.certificate import names_of
from mailhost.net.tls.client import client_tls
from mailhost.net.tls.selfsigned import make_self_signed
from mailhost.net.tls.server import tls_state

Key = ec.EllipticCurvePrivateKey


@implementer(IHandshakeListener)
class Peer(Protocol):
    """Notes the end of the handshake, and why the connection was lost."""

    state: TLSState | None = None
    subject: str = ""
    names: tuple[str, ...] = ()
    protocol: bytes = b""
    reason: BaseException | None = None

    def handshakeCompleted(self) -> None:
        self.state = tls_state(self.transport)
        handle = cast("TLSMemoryBIOProtocol", self.transport).getHandle()
        self.protocol = handle.get_alpn_proto_negotiated()
        certificate = handle.get_peer_certificate()
        if certificate is not None:
            self.subject = str(certificate.get_subject().CN)
            self.names = names_of(certificate.to_cryptography())

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
    there = TLSMemoryBIOFactory(server, False, Making(ends[0])).buildProtocol(None)
    here = TLSMemoryBIOFactory(client, True, Making(ends[1])).buildProtocol(None)
    iosim.connect(
        there, iosim.FakeTransport(there, True), here, iosim.FakeTransport(here, False)
    ).flush()
    return ends


class Making(Factory):
    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        return self._protocol


def trusted(path: str) -> Certificate:
    with open(path, "rb") as file:
        return Certificate.loadPEM(file.read())


@implementer(IOpenSSLClientConnectionCreator)
class Offering:
    """A client that offers protocols, with TLS 1.3 or an older version."""

    def __init__(self, name: str, *protocols: bytes, newest: str = "1.3") -> None:
        self._client = client_tls(name, verify=False)
        self._protocols = protocols
        self._newest = newest

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        connection = self._client.clientConnectionForTLS(tlsProtocol)
        if self._protocols:
            connection.set_alpn_protos(list(self._protocols))
        if self._newest == "1.2":
            connection.set_options(SSL.OP_NO_TLSv1_3)
        return connection


def issue(
    name: str,
    by: x509.Certificate | None = None,
    by_key: Key | None = None,
    ca: bool = True,
    life: tuple[datetime, datetime] | None = None,
    names: x509.ExtensionType | None = None,
    must_staple: bool = False,
) -> tuple[x509.Certificate, Key]:
    """Make a certificate, signed by itself or by another. `names` are its subject's alternative
    names in place of `name`."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    begins, ends = life or (now - timedelta(days=1), now + timedelta(days=1))
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(names or x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if must_staple:
        feature = x509.TLSFeature([x509.TLSFeatureType.status_request])
        builder = builder.add_extension(feature, critical=False)
    return builder.sign(by_key or key, hashes.SHA256()), key


def key_pem(key: Key) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)
