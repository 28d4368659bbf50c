"""TLS for both sides: our certificates with SNI and reload, and handshakes with other hosts.

Servers choose a certificate by the name that the client asks for (SNI): the first one whose
subjectAltName fits, else the first of all. Session tickets are off, so that no key outlives a
connection.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from OpenSSL import SSL, crypto
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
)
from twisted.internet.ssl import (
    CertificateOptions,
    TLSVersion,
    optionsForClientTLS,
    platformTrust,
)
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from mailhost.message.client import TLSState

_MINIMUM = {"1.2": TLSVersion.TLSv1_2, "1.3": TLSVersion.TLSv1_3}


class BadCertificate(Exception):
    """A certificate or key cannot be used; the message names the file and what to do."""


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """Paths of PEM files: the chain, own certificate first, and its private key."""

    chain: str
    key: str


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A usable certificate: the names it is for, and the options that present it."""

    names: frozenset[str]
    options: CertificateOptions = field(repr=False)

    def fits(self, name: str) -> bool:
        """True where the certificate names `name`, itself or by a wildcard for its first label."""
        parent = name.partition(".")[2]
        return name in self.names or (bool(parent) and f"*.{parent}" in self.names)


@implementer(IOpenSSLServerConnectionCreator)
class ServerTLS:
    """What every listener shakes hands with. Reloading it changes new connections alone.

    `files` are in order of preference; `minimum` is "1.2" or "1.3". Raises BadCertificate.
    """

    def __init__(self, files: Sequence[CertificateFiles], minimum: str = "1.2") -> None:
        self._certificates: list[_Loaded] = []
        self.replace(files, minimum)

    def replace(self, files: Sequence[CertificateFiles], minimum: str) -> None:
        """Read the files anew. Raises BadCertificate and keeps the old ones."""
        lowest = _MINIMUM[minimum]
        self._certificates = [self._load(pair, lowest) for pair in files]

    def serverConnectionForTLS(self, protocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """Begin one handshake."""
        return self._certificates[0].options.serverConnectionForTLS(protocol)

    def _context_for(self, server_name: bytes | None) -> SSL.Context | None:
        name = (server_name or b"").decode("ascii", "replace").lower().rstrip(".")
        for certificate in self._certificates:
            if certificate.fits(name):
                return certificate.options.getContext()
        return None

    def _load(self, pair: CertificateFiles, minimum: object) -> _Loaded:
        chain = read_chain(pair.chain)
        key = _read_key(pair.key)
        options = CertificateOptions(
            privateKey=key,
            certificate=crypto.X509.from_cryptography(chain[0]),
            extraCertChain=[crypto.X509.from_cryptography(link) for link in chain[1:]],
            raiseMinimumTo=minimum,
            contextForServerName=self._context_for,
        )
        try:
            options.getContext()
        except SSL.Error as error:
            raise BadCertificate(
                f"{pair.key} is not the key of the certificate in {pair.chain}; name the pair "
                "that was made together"
            ) from error
        return _Loaded(_names(chain[0]), options)


def read_chain(path: str) -> list[x509.Certificate]:
    """Return the certificates of a PEM file in order. Raises BadCertificate."""
    try:
        with open(path, "rb") as file:
            return x509.load_pem_x509_certificates(file.read())
    except (OSError, ValueError) as error:
        raise BadCertificate(f"cannot read the certificates in {path}: {error}") from error


def _read_key(path: str) -> crypto.PKey:
    try:
        with open(path, "rb") as file:
            return crypto.load_privatekey(crypto.FILETYPE_PEM, file.read(), b"")
    except (OSError, ValueError, crypto.Error) as error:
        raise BadCertificate(
            f"cannot read the private key in {path}: {error}; it must be PEM without a passphrase"
        ) from error


def _names(certificate: x509.Certificate) -> frozenset[str]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return frozenset()
    return frozenset(name.lower() for name in extension.value.get_values_for_type(x509.DNSName))


def tls_state(transport: object) -> TLSState:
    """Return what the handshake on a Twisted TLS transport agreed on."""
    connection: SSL.Connection = transport.getHandle()  # type: ignore[attr-defined]  # ITLSTransport lacks it
    name = connection.get_servername()
    return TLSState(
        version=connection.get_protocol_version_name(),
        cipher=connection.get_cipher_name() or "",
        server_name=(name or b"").decode("ascii", "replace"),
    )


def client_tls(
    hostname: str, verify: bool, trust: Any = None
) -> IOpenSSLClientConnectionCreator:
    """Return what shakes hands with `hostname`, which is sent as SNI.

    With `verify` the certificate must be valid for the name by `trust` (an IOpenSSLTrustRoot, the
    platform's where None); without, any certificate will do: opportunistic TLS (RFC 7435) only
    keeps out those who listen.
    """
    if verify:
        return optionsForClientTLS(hostname, trustRoot=trust or platformTrust())
    return _Unverified(hostname)


@implementer(IOpenSSLClientConnectionCreator)
class _Unverified:
    """A handshake that takes any certificate."""

    def __init__(self, hostname: str) -> None:
        self._hostname = hostname
        self._options = CertificateOptions()

    def clientConnectionForTLS(self, protocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        connection = self._options.clientConnectionForTLS(protocol)
        if any(letter.isalpha() for letter in self._hostname) and ":" not in self._hostname:
            connection.set_tlsext_host_name(self._hostname.encode("ascii"))
        return connection
