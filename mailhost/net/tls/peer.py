"""TLS towards a server whose certificate is examined: what was found are values, not exceptions.

A `PeerTLS` is made once for each set of authorities. `PeerTLS.handshake` returns a `PeerHandshake`
for each connection: the value for `transport.startTLS`, which keeps what it found.

    handshake = peer_tls.handshake("mx.example.org", PeerCheck(("mx.example.org",), enforced=True))
    transport.startTLS(handshake)
    ...                       # handshakeCompleted, or connectionLost with PeerRefused
    handshake.peer            # SeenPeer: the chain in DER, and the problems by their kind

A `PeerCheck` says how the certificate is checked:

- `PeerCheck(names)`: any certificate will do (opportunistic TLS, RFC 7435); the problems that the
  authorities of the WebPKI and the names would have caused are found nevertheless.
- `PeerCheck(names, enforced=True)`: the certificate must come from an authority that is trusted,
  be for one of the names (RFC 9525, wildcards for a whole leftmost label), and be valid now.
- `PeerCheck(judge=judge, enforced=True)`: the judge alone decides about the chain, such as one that
  compares it to TLSA records (RFC 7672). Without `enforced` its problems are found only.

An enforced handshake with a problem fails: `PeerRefused` is the reason of `connectionLost`, and no
octet of the application is sent. A handshake that fails for another reason, such as no version of
TLS in common, leaves `peer` None. All versions from TLS 1.2 on are accepted in each mode.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from OpenSSL import SSL
from OpenSSL.crypto import FILETYPE_ASN1, X509, dump_certificate
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import Certificate, CertificateOptions, platformTrust
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from mailhost.interfaces.tls_sessions import TLSFailure
from mailhost.net.tls.names import is_for_one_of, server_name

Chain = tuple[bytes, ...]
"""Certificates in DER as the peer sent them, its own first."""

_CODES = SSL.X509VerificationCodes
_EXPIRED = {
    _CODES.ERR_CERT_HAS_EXPIRED: "has expired",
    _CODES.ERR_CERT_NOT_YET_VALID: "is not valid yet",
}
_NOT_TRUSTED = {
    _CODES.ERR_UNABLE_TO_GET_ISSUER_CERT: "comes from an unknown authority",
    _CODES.ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "comes from an unknown authority",
    _CODES.ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE: "comes from an unknown authority",
    _CODES.ERR_DEPTH_ZERO_SELF_SIGNED_CERT: "is self-signed",
    _CODES.ERR_SELF_SIGNED_CERT_IN_CHAIN: "is that of an authority which is not trusted",
    _CODES.ERR_CERT_UNTRUSTED: "is not trusted for this purpose",
    _CODES.ERR_CERT_REJECTED: "is rejected for this purpose",
    _CODES.ERR_CERT_SIGNATURE_FAILURE: "has a wrong signature",
    _CODES.ERR_INVALID_CA: "is not that of an authority, but issued another",
}


@dataclass(frozen=True, slots=True)
class PeerProblem:
    """One problem of a certificate: its kind in reports (RFC 8460 §4.3), and its cause in words."""

    kind: TLSFailure
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class SeenPeer:
    """The certificates that a handshake showed. Each kind of problem is there at most once; there
    is none where the certificate passes the check."""

    chain: Chain
    problems: tuple[PeerProblem, ...] = ()


Judge = Callable[[Chain], tuple[PeerProblem, ...]]
"""Returns the problems of a chain, none where it is right. It is called in the reactor's thread."""


@dataclass(frozen=True, slots=True)
class PeerCheck:
    """How the certificate of a peer is checked, see the docstring of this module. `names` are host
    names or IP addresses, of which one must be in the certificate; without any, and without a
    judge, no name is checked. Raises ValueError for an enforced check that checks no name."""

    names: tuple[str, ...] = ()
    enforced: bool = False
    judge: Judge | None = None

    def __post_init__(self) -> None:
        if self.enforced and not self.names and self.judge is None:
            raise ValueError("an enforced check needs a name or a judge")


class PeerRefused(SSL.Error):
    """An enforced check found problems. The argument has the form of OpenSSL's error queue."""

    def __init__(self, problems: tuple[PeerProblem, ...]) -> None:
        super().__init__([("", "", str(problem)) for problem in problems])
        self.problems = problems

    def __str__(self) -> str:
        return "; ".join(map(str, self.problems))


class PeerTLS:
    """Makes the client side of handshakes. `trust_root` replaces the authorities that this machine
    trusts. They are read before the first handshake, which blocks for tens of milliseconds."""

    def __init__(self, trust_root: Certificate | None = None) -> None:
        self._trust_root = trust_root

    def handshake(self, hostname: str, check: PeerCheck) -> PeerHandshake:
        """Return the client side of one handshake. `hostname` is sent as the server name, unless it
        is an IP address."""
        return PeerHandshake(self._context, server_name(hostname), check)

    @cached_property
    def _context(self) -> SSL.Context:
        options = CertificateOptions(trustRoot=self._trust_root or platformTrust())
        context = options.getContext()
        context.set_options(SSL.OP_NO_RENEGOTIATION)
        context.set_verify(SSL.VERIFY_PEER, _note_problem)
        return context


@implementer(IOpenSSLClientConnectionCreator)
class PeerHandshake:
    """The client side of one handshake."""

    def __init__(self, context: SSL.Context, name: bytes, check: PeerCheck) -> None:
        self._context = context
        self._server_name = name
        self._check = check
        self._connection: _Connection | None = None

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """See IOpenSSLClientConnectionCreator."""
        connection = _Connection(self._context, self._check)
        if self._server_name:
            connection.set_tlsext_host_name(self._server_name)
        self._connection = connection
        return connection

    @property
    def peer(self) -> SeenPeer | None:
        """The certificates and their problems; None before it is complete."""
        return self._connection.peer if self._connection is not None else None


class _Connection(SSL.Connection):
    """A connection that ends its handshake with an error where an enforced check finds problems."""

    def __init__(self, context: SSL.Context, check: PeerCheck) -> None:
        super().__init__(context, None)
        self.codes: dict[int, int] = {}  # of OpenSSL's problems, with the depth in the chain
        self._check = check
        self._complete = False

    def do_handshake(self) -> None:
        super().do_handshake()
        self._complete = True
        if self._check.enforced and self.peer and self.peer.problems:
            raise PeerRefused(self.peer.problems)

    @cached_property
    def _seen(self) -> SeenPeer:
        sent = self.get_peer_cert_chain() or []
        chain = tuple(dump_certificate(FILETYPE_ASN1, each) for each in sent)
        if self._check.judge is not None:
            return SeenPeer(chain, self._check.judge(chain))
        found = list(map(_problem, self.codes, self.codes.values()))
        if self._check.names and not (chain and is_for_one_of(chain[0], self._check.names)):
            text = f"the certificate is not for {' or '.join(self._check.names)}"
            found.append(PeerProblem(TLSFailure.HOST_MISMATCH, text))
        first: dict[TLSFailure, PeerProblem] = {}
        for problem in found:
            first.setdefault(problem.kind, problem)
        return SeenPeer(chain, tuple(first.values()))

    @property
    def peer(self) -> SeenPeer | None:
        """See PeerHandshake."""
        return self._seen if self._complete else None


def _note_problem(connection: SSL.Connection, _: X509, code: int, depth: int, ok: int) -> bool:
    """Keep the code of the problem, and continue the handshake."""
    if not ok:
        assert isinstance(connection, _Connection)
        connection.codes.setdefault(code, depth)
    return True


def _problem(code: int, depth: int) -> PeerProblem:
    certificate = "an authority's certificate" if depth else "the certificate"
    if text := _EXPIRED.get(code):
        return PeerProblem(TLSFailure.EXPIRED, f"{certificate} {text}")
    if text := _NOT_TRUSTED.get(code):
        return PeerProblem(TLSFailure.NOT_TRUSTED, f"{certificate} {text}")
    text = f"{certificate} has a fault (verification error {code} of OpenSSL)"
    return PeerProblem(TLSFailure.OTHER, text)
