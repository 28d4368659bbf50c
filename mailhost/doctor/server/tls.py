"""The TLS client of the doctor: the handshake goes on with any certificate, and the faults of the
certificate are recorded.

Old versions and weak ciphers are accepted too, so that a server without better ones can be
examined.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from OpenSSL import SSL
from OpenSSL.crypto import X509
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from mailhost.doctor.server.record import SeenCertificate, SeenTLS
from mailhost.doctor.server.services import is_address
from mailhost.net.tls.certificate import names_of, normal_name

# X509_V_ERR_...: dates are judged by the record's own dates
_DATES = frozenset({9, 10})  # CERT_NOT_YET_VALID, CERT_HAS_EXPIRED
_CIPHERS = b"DEFAULT:@SECLEVEL=0"


class TLSExaminer:
    """Makes the client side of handshakes. `roots` is a PEM file of the authorities to trust, None
    for those of this machine. Blocks for the disk."""

    def __init__(self, roots: str | None = None) -> None:
        self._context = SSL.Context(SSL.TLS_METHOD)
        self._context.set_min_proto_version(SSL.TLS1_VERSION)
        self._context.set_cipher_list(_CIPHERS)
        self._context.set_verify(SSL.VERIFY_PEER, _note_problem)
        if roots is None:
            self._context.set_default_verify_paths()
        else:
            self._context.load_verify_locations(roots)
        self.judges = roots is not None or _has_authorities()

    def handshake(self, host: str) -> ExaminedHandshake:
        """Return the TLS context for `startTLS`, for one handshake with a server named `host`."""
        return ExaminedHandshake(self._context, host, self.judges)


def _has_authorities() -> bool:
    paths = ssl.get_default_verify_paths()
    return bool(paths.cafile or paths.capath)


def _note_problem(connection: SSL.Connection, _: X509, code: int, depth: int, ok: int) -> bool:
    """Record the code of the problem, and continue the handshake."""
    if not ok:
        assert isinstance(connection, _Connection)
        connection.problems.add(code)
    return True


class _Connection(SSL.Connection):
    """A connection that keeps the problems of its certificate."""

    def __init__(self, context: SSL.Context) -> None:
        super().__init__(context, None)
        self.problems: set[int] = set()


@implementer(IOpenSSLClientConnectionCreator)
class ExaminedHandshake:
    """One handshake; `seen` describes it once it is done."""

    def __init__(self, context: SSL.Context, host: str, judges: bool) -> None:
        self._context = context
        self._server_name = b"" if is_address(host) else normal_name(host).encode("ascii", "ignore")
        self._judges = judges
        self._connection: _Connection | None = None

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        connection = _Connection(self._context)
        if self._server_name:
            connection.set_tlsext_host_name(self._server_name)
        self._connection = connection
        return connection

    def seen(self) -> SeenTLS:
        """Return the values of the finished handshake."""
        connection = self._connection
        assert connection is not None  # the handshake is done
        chain = connection.get_peer_cert_chain() or []
        certificate = None
        if chain:
            problems = frozenset(connection.problems - _DATES)
            certificate = _seen([each.to_cryptography() for each in chain], problems)
        return SeenTLS(
            connection.get_protocol_version_name(),
            connection.get_cipher_name() or "",
            certificate,
            self._judges,
        )


def _seen(chain: Sequence[x509.Certificate], problems: frozenset[int]) -> SeenCertificate:
    certificate = chain[0]
    return SeenCertificate(
        _name(certificate.subject),
        _name(certificate.issuer),
        (*names_of(certificate), *_addresses(certificate)),
        certificate.not_valid_before_utc,
        certificate.not_valid_after_utc,
        problems,
        len(chain),
        tuple(each.public_bytes(Encoding.DER) for each in chain),
    )


def _addresses(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        found: Any = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, ValueError):
        return ()
    return tuple(map(str, found.value.get_values_for_type(x509.IPAddress)))


def _name(name: x509.Name) -> str:
    """Return the common name, or the organisation if there is none."""
    for kind in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME):
        for attribute in name.get_attributes_for_oid(kind):
            return str(attribute.value)
    return name.rfc4514_string()
