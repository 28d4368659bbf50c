"""The contexts of our side of TLS: one for each certificate, found by server name.

No session is resumed: the keys of session tickets belong to a context, and can neither be shared
between processes nor be changed through pyOpenSSL. TLS 1.2 offers neither tickets nor session ids.
In TLS 1.3 OpenSSL sends two tickets nevertheless, which no process accepts; a client that tries one
makes a full handshake (RFC 8446 §4.2.11). docs/decisions.md has the measurements.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from OpenSSL import SSL
from OpenSSL.crypto import X509, PKey
from twisted.internet.ssl import AcceptableCiphers, CertificateOptions, TLSVersion

from mailhost.interfaces.challenges import ITLSChallenges
from mailhost.net.tls.certificate import PEM, BadCertificate, CertificateFiles, normal_name
from mailhost.net.tls.challenges import ChallengedConnection, refuse_challenge

# Ciphers of TLS 1.2 and older; those of 1.3 are all good (RFC 9325 §4.2).
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
# Ciphers without forward secrecy or with CBC: old hosts would send in the clear without (RFC 7435).
OPPORTUNISTIC_CIPHERS = f"{CIPHERS}:ECDHE+AES:RSA+AESGCM:RSA+AES"
_SHA1 = ":@SECLEVEL=0"  # TLS 1.0 and 1.1 sign with SHA-1, which OpenSSL refuses from level 1 on
VERSIONS = {
    "1.0": TLSVersion.TLSv1_0,
    "1.1": TLSVersion.TLSv1_1,
    "1.2": TLSVersion.TLSv1_2,
    "1.3": TLSVersion.TLSv1_3,
}


@dataclass(frozen=True, slots=True)
class Role:
    """The TLS requirements of one kind of listener.

    `protocols` are its ALPN identifiers as IANA registered them (RFC 7301 §6); SMTP has none.
    `opportunistic` listeners accept older versions and ciphers, as their clients would otherwise
    send in the clear. Those with `challenges` answer authorities that check names (RFC 8737).
    """

    protocols: tuple[bytes, ...] = ()
    opportunistic: bool = False
    challenges: bool = False


STRICT = Role()
HTTPS = Role((b"http/1.1",), challenges=True)


@dataclass(frozen=True, slots=True)
class Minimums:
    """The oldest TLS version, from "1.0" to "1.3", on strict and on opportunistic listeners."""

    strict: str = "1.2"
    opportunistic: str = "1.2"

    def of(self, role: Role) -> str:
        """Return the oldest version for listeners of this role."""
        return self.opportunistic if role.opportunistic else self.strict


class RoleContexts:
    """The contexts for listeners of one role; the first certificate is for clients that name no
    server, or an unknown one. Raises BadCertificate.

    The context of another certificate is made for the first client that names it, which takes about
    a millisecond: a host with hundreds of domains has as many certificates. Contexts of `former`,
    for the same role, are used on.
    """

    def __init__(
        self,
        certificates: Sequence[CertificateFiles],
        minimums: Minimums,
        role: Role,
        former: RoleContexts | None = None,
    ) -> None:
        self._minimum, self._role = minimums.of(role), role
        first, *self._others = certificates
        self._of_name: dict[str, CertificateFiles] = {}
        for files in certificates:
            for name in files.names:
                self._of_name.setdefault(name, files)
        self._made: dict[PEM, SSL.Context] = {}
        if former is not None and former._minimum == self._minimum:
            made = former._made
            self._made = {each.pem: made[each.pem] for each in self._others if each.pem in made}
        self._first = first.pem
        self._default = _context(first, self._minimum, role)
        self._default.set_tlsext_servername_callback(self._choose)

    def make_all(self) -> None:
        """Make all contexts now. Raises BadCertificate for a certificate that OpenSSL refuses."""
        for files in self._others:
            self._context_of(files)

    def connection(self, challenges: ITLSChallenges | None = None) -> SSL.Connection:
        """Return a connection with the default certificate; the handshake may change it."""
        if challenges is not None:
            return ChallengedConnection(self._default, challenges)
        return SSL.Connection(self._default, None)

    def _choose(self, connection: SSL.Connection) -> None:
        """Use the certificate for a client's server name (RFC 6066 §3)."""
        if isinstance(connection, ChallengedConnection) and connection.answer():
            return
        name = normal_name((connection.get_servername() or b"").decode("ascii", "replace"))
        files = self._of_name.get(name) or self._of_name.get("*." + name.partition(".")[2])
        if files is not None and files.pem != self._first:
            connection.set_context(self._context_of(files))

    def _context_of(self, files: CertificateFiles) -> SSL.Context:
        context = self._made.get(files.pem)
        if context is None:
            context = self._made[files.pem] = _context(files, self._minimum, self._role)
        return context


def _context(files: CertificateFiles, minimum: str, role: Role) -> SSL.Context:
    own, *others = map(X509.from_cryptography, files.chain)
    ciphers = OPPORTUNISTIC_CIPHERS if role.opportunistic else CIPHERS
    try:
        context = CertificateOptions(
            privateKey=PKey.from_cryptography_key(files.key),  # type: ignore[arg-type] # checked
            certificate=own,
            extraCertChain=others,
            acceptableCiphers=AcceptableCiphers.fromOpenSSLCipherString(ciphers),
            **_oldest(minimum),
        ).getContext()
    except (SSL.Error, TypeError) as error:
        name = files.names[0] if files.names else "without a name"
        raise BadCertificate(f"OpenSSL does not take the certificate {name}: {error}") from error
    context.set_options(SSL.OP_NO_RENEGOTIATION)
    if minimum < "1.2":
        context.set_cipher_list((ciphers + _SHA1).encode())
    answer_alpn(context, role.protocols)
    return context


def _oldest(minimum: str) -> dict[str, Any]:
    """The argument that sets the oldest version; Twisted's own default is 1.2."""
    name = "insecurelyLowerMinimumTo" if minimum < "1.2" else "raiseMinimumTo"
    return {name: VERSIONS[minimum]}


def answer_alpn(context: SSL.Context, protocols: Sequence[bytes] = ()) -> None:
    """Choose the first protocol a client offers that is among ours, or none (RFC 7301 §3.2).

    With none in common, Twisted's own callback returns `b""`, and pyOpenSSL ends the handshake with
    an internal error: a mail program that offers `imap` and `pop3` everywhere could not connect.
    """

    def choose(connection: SSL.Connection, offered: list[bytes]) -> Any:
        refuse_challenge(connection, offered)
        shared = (name for name in offered if name in protocols)
        return next(shared, SSL.NO_OVERLAPPING_PROTOCOLS)

    context.set_alpn_select_callback(choose)
