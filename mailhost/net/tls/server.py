"""Our side of handshakes with clients: certificates by server name, read anew at a reload.

A `ServerTLS` is handed to `transport.startTLS` and to whatever wraps a listener with implicit TLS.
It stays the same object over a reload: connections made afterwards get the new certificates, those
that are there keep theirs. The other side is `client`.
"""

from __future__ import annotations

from collections.abc import Sequence

from OpenSSL import SSL
from twisted.internet.interfaces import (
    IOpenSSLServerConnectionCreator,
)
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from mailhost.interfaces.challenges import ITLSChallenges
from mailhost.message.client import TLSState
from mailhost.net.tls.certificate import (
    PEM,
    BadCertificate,
    CertificateFiles,
    parse_certificate,
    read_certificate,
)
from mailhost.net.tls.server_contexts import HTTPS, STRICT, Minimums, Role, RoleContexts

__all__ = [
    "HTTPS",
    "STRICT",
    "BadCertificate",
    "Minimums",
    "Role",
    "ServerTLS",
    "read_all",
    "tls_state",
]

CertificatePaths = tuple[str, str]
"""Files with a PEM chain, own certificate first, and its key."""

CertificateSource = CertificatePaths | PEM | CertificateFiles


def read_all(certificates: Sequence[CertificateSource]) -> tuple[CertificateFiles, ...]:
    """Read certificates from their files, where they are not read already, here or in another
    process. Blocks for the disk. Raises BadCertificate."""
    if not certificates:
        raise BadCertificate("there is no certificate; name one below [tls]")
    return tuple(map(_read_one, certificates))


def _read_one(source: CertificateSource) -> CertificateFiles:
    if isinstance(source, CertificateFiles):
        return source
    return parse_certificate(source) if isinstance(source, PEM) else read_certificate(*source)


@implementer(IOpenSSLServerConnectionCreator)
class ServerTLS:
    """Our side of handshakes with clients.

    `certificates` are pairs of paths, or what another process read there; the first is for clients
    that name no server, or one without a certificate. Blocks for the disk. Raises BadCertificate.
    `challenges` may be set at any time: listeners of a role with challenges ask it.
    """

    challenges: ITLSChallenges | None = None

    def __init__(
        self,
        certificates: Sequence[CertificateSource],
        minimums: Minimums = Minimums(),  # noqa: B008 -- a frozen value
    ) -> None:
        self.certificates: tuple[CertificateFiles, ...] = ()
        self._contexts: dict[Role, RoleContexts] = {}
        self.replace(certificates, minimums)

    def replace(self, certificates: Sequence[CertificateSource], minimums: Minimums) -> None:
        """Use other files, or others' contents; known contents are not parsed again. Blocks for the
        disk.

        Raises BadCertificate and keeps all as it was.
        """
        known = {files.pem: files for files in self.certificates if not files.paths}
        sources = [
            known.get(each, each) if isinstance(each, PEM) else each for each in certificates
        ]
        self.use(read_all(sources), minimums)

    def use(self, certificates: Sequence[CertificateFiles], minimums: Minimums) -> None:
        """Use certificates that were read already, for connections made from now on.

        Raises BadCertificate and keeps all as it was.
        """
        former = {STRICT: None, **self._contexts}
        contexts = {
            role: RoleContexts(certificates, minimums, role, former[role]) for role in former
        }
        contexts[STRICT].make_all()
        self.certificates = tuple(certificates)
        self.minimums = minimums
        self._contexts = contexts

    @property
    def pem(self) -> tuple[PEM, ...]:
        """The certificates in use, for another process."""
        return tuple(files.pem for files in self.certificates)

    def factory(self, role: Role = STRICT) -> IOpenSSLServerConnectionCreator:
        """Return the value for `startTLS` of a listener; it is valid as long as this object."""
        return self if role == STRICT else _InRole(self, role)

    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """Return a connection with the default certificate; the handshake may change it."""
        return self.connection(STRICT)

    def connection(self, role: Role) -> SSL.Connection:
        """Return a connection for a listener of this role."""
        contexts = self._contexts.get(role)
        if contexts is None:
            contexts = RoleContexts(self.certificates, self.minimums, role)
            self._contexts[role] = contexts
        return contexts.connection(self.challenges if role.challenges else None)


@implementer(IOpenSSLServerConnectionCreator)
class _InRole:
    """Our side of handshakes on listeners of one role, with the certificates of `server`."""

    def __init__(self, server: ServerTLS, role: Role) -> None:
        self._server = server
        self._role = role

    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        return self._server.connection(self._role)


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
