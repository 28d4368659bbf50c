"""TLS for both sides of a wire: certificates chosen by server name, and read anew at a reload.

A `ServerTLS` is handed to `transport.startTLS` and to whatever wraps a listener with implicit TLS.
It stays the same object over a reload: connections made afterwards get the new certificates, those
that are there keep theirs. Clients are made by `client_tls`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from ipaddress import ip_address
from typing import Any

from OpenSSL import SSL
from OpenSSL.crypto import X509, PKey
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
)
from twisted.internet.ssl import (
    AcceptableCiphers,
    Certificate,
    CertificateOptions,
    TLSVersion,
    optionsForClientTLS,
)
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from mailhost.message.client import TLSState
from mailhost.net.certificate import (
    PEM,
    BadCertificate,
    CertificateFiles,
    current_time,
    normal_name,
    parse_certificate,
    read_certificate,
)

__all__ = [
    "STRICT",
    "BadCertificate",
    "Role",
    "ServerTLS",
    "answer_alpn",
    "client_tls",
    "tls_state",
]

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"  # of TLS 1.2; those of 1.3 are all good (RFC 9325 §4.2)
MINIMUM = {"1.2": TLSVersion.TLSv1_2, "1.3": TLSVersion.TLSv1_3}

CertificatePaths = tuple[str, str]
"""Files with a PEM chain, own certificate first, and its key."""

CertificateSource = CertificatePaths | PEM


@dataclass(frozen=True, slots=True)
class Role:
    """What one kind of listener asks of handshakes. `protocols` are its ALPN identifiers as IANA
    registered them (RFC 7301 §6); SMTP has none."""

    protocols: tuple[bytes, ...] = ()


STRICT = Role()


@implementer(IOpenSSLServerConnectionCreator)
class ServerTLS:
    """Our side of handshakes with clients.

    `certificates` are pairs of paths, or what another process read there; the first is for clients
    that name no server, or one that nobody knows. `minimum` is "1.2" or "1.3". Blocks for the disk.
    Raises BadCertificate.
    `warnings` are for the operator: certificates that have run out, keys that lie open. `pem` is
    for other processes.
    """

    def __init__(
        self,
        certificates: Sequence[CertificateSource],
        minimum: str = "1.2",
        now: Callable[[], datetime] = current_time,
    ) -> None:
        self._now = now
        self.warnings: tuple[str, ...] = ()
        self.replace(certificates, minimum)

    def replace(self, certificates: Sequence[CertificateSource], minimum: str) -> None:
        """Use other files, or others' contents. Blocks for the disk.

        Raises BadCertificate and keeps all as it was.
        """
        if not certificates:
            raise BadCertificate("there is no certificate; name one below [tls]")
        now = self._now()
        found = [
            parse_certificate(each) if isinstance(each, PEM) else read_certificate(*each, now)
            for each in certificates
        ]
        self._reading = _Reading(found, minimum)
        self._certificates, self._minimum = tuple(certificates), minimum
        self.warnings = tuple(warning for files in found for warning in files.warnings)
        self.pem = tuple(files.pem for files in found)

    def reload(self) -> None:
        """Read the same files again. Blocks for the disk.

        Raises BadCertificate and keeps all as it was.
        """
        self.replace(self._certificates, self._minimum)

    def factory(self, role: Role = STRICT) -> IOpenSSLServerConnectionCreator:
        """What a listener hands to `startTLS`: good for as long as this object."""
        return self if role == STRICT else _InRole(self, role)

    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """Return a connection with the default certificate; the handshake may change it."""
        return self.connection(STRICT, tlsProtocol)

    def connection(self, role: Role, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """Return a connection for a listener of this role."""
        return self._reading.contexts(role).default.serverConnectionForTLS(tlsProtocol)


@implementer(IOpenSSLServerConnectionCreator)
class _InRole:
    """Our side of handshakes on listeners of one role, with the certificates of `server`."""

    def __init__(self, server: ServerTLS, role: Role) -> None:
        self._server = server
        self._role = role

    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        return self._server.connection(self._role, tlsProtocol)


class _Reading:
    """One reading of the certificate files, and the contexts made from it, which are made for a
    role at its first connection; those for STRICT at once. Raises BadCertificate."""

    def __init__(self, certificates: Sequence[CertificateFiles], minimum: str) -> None:
        self._certificates = certificates
        self._minimum = minimum
        self._contexts: dict[Role, _Contexts] = {}
        self.contexts(STRICT)

    def contexts(self, role: Role) -> _Contexts:
        """Return the contexts for listeners of this role."""
        found = self._contexts.get(role)
        if found is None:
            found = self._contexts[role] = _Contexts(self._certificates, self._minimum, role)
        return found


class _Contexts:
    """The contexts for one role: one for each certificate, found by name."""

    def __init__(self, certificates: Sequence[CertificateFiles], minimum: str, role: Role) -> None:
        self._of_name: dict[str, SSL.Context] = {}
        self.default = _options(certificates[0], minimum, role, self._choose)
        contexts = [self.default.getContext()]
        contexts += [_options(files, minimum, role).getContext() for files in certificates[1:]]
        for files, context in zip(certificates, contexts, strict=True):
            for name in files.names:
                self._of_name.setdefault(name, context)

    def _choose(self, server_name: bytes | None) -> SSL.Context | None:
        """Return the context for a client's server name (RFC 6066 §3); None is the default's."""
        if not server_name:
            return None
        name = normal_name(server_name.decode("ascii", "replace"))
        return self._of_name.get(name) or self._of_name.get("*." + name.partition(".")[2])


def _options(
    files: CertificateFiles,
    minimum: str,
    role: Role,
    choose: Callable[[bytes | None], SSL.Context | None] | None = None,
) -> CertificateOptions:
    own, *others = map(X509.from_cryptography, files.chain)
    try:
        options = CertificateOptions(
            privateKey=PKey.from_cryptography_key(files.key),  # type: ignore[arg-type] # checked
            certificate=own,
            extraCertChain=others,
            raiseMinimumTo=MINIMUM[minimum],
            acceptableCiphers=AcceptableCiphers.fromOpenSSLCipherString(CIPHERS),
            contextForServerName=choose,
        )
        answer_alpn(options.getContext(), role.protocols)
    except (SSL.Error, TypeError) as error:
        name = files.names[0] if files.names else "without a name"
        raise BadCertificate(f"OpenSSL does not take the certificate {name}: {error}") from error
    return options


def answer_alpn(context: SSL.Context, protocols: Sequence[bytes] = ()) -> None:
    """Choose the first protocol a client offers that is among ours, or none (RFC 7301 §3.2).

    Twisted's own callback returns `b""` then, and pyOpenSSL ends the handshake with an internal
    error: a mail program that offers `imap` and `pop3` everywhere could not connect at all.
    """

    def choose(connection: SSL.Connection, offered: list[bytes]) -> Any:
        shared = (name for name in offered if name in protocols)
        return next(shared, SSL.NO_OVERLAPPING_PROTOCOLS)

    context.set_alpn_select_callback(choose)


def tls_state(transport: object) -> TLSState | None:
    """Return what the handshake on a transport agreed upon, None where there was none."""
    handle = getattr(transport, "getHandle", lambda: None)()
    if not isinstance(handle, SSL.Connection):
        return None
    name = handle.get_servername() or b""
    return TLSState(
        handle.get_protocol_version_name(),
        handle.get_cipher_name() or "",
        name.decode("ascii", "replace"),
    )


def client_tls(
    hostname: str, verify: bool, trust_root: Certificate | None = None
) -> IOpenSSLClientConnectionCreator:
    """Return what a client hands to `transport.startTLS`.

    `hostname` is sent as the server name, unless it is an IP address. With `verify` the
    certificate must be for it (RFC 6125) and come from an authority that this machine trusts, or
    from `trust_root` alone where that is given; the connection is lost otherwise. Without, any
    certificate will do: opportunistic TLS (RFC 7435). Raises ValueError for a name that is to be
    verified and that no certificate can be for.
    """
    hostname = hostname.strip("[]")
    if not verify:
        return _Opportunistic(hostname)
    if trust_root is not None:
        return optionsForClientTLS(hostname, trustRoot=trust_root)
    return _verifying(hostname)


@lru_cache(maxsize=64)  # reading the machine's authorities takes tens of milliseconds
def _verifying(hostname: str) -> IOpenSSLClientConnectionCreator:
    return optionsForClientTLS(hostname)


@lru_cache(maxsize=1)
def _any_certificate() -> CertificateOptions:
    return CertificateOptions()


@implementer(IOpenSSLClientConnectionCreator)
class _Opportunistic:
    """Encrypts to whoever answers."""

    def __init__(self, hostname: str) -> None:
        name = "" if _is_ip(hostname) else normal_name(hostname)
        self._server_name = name.encode() if name.isascii() else b""

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        connection = _any_certificate().clientConnectionForTLS(tlsProtocol)
        if self._server_name:
            connection.set_tlsext_host_name(self._server_name)
        return connection


def _is_ip(hostname: str) -> bool:
    with suppress(ValueError):
        return bool(ip_address(hostname.partition("%")[0]))
    return False
