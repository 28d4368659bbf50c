"""OpenSSL contexts for our side of handshakes: one for each certificate, found by server name.

Session tickets (RFC 8446 §4.6.1) are accepted only by the process that issued them: their keys
belong to a context, and pyOpenSSL can neither share keys between processes nor turn tickets off. A
client whose ticket is not accepted makes a full handshake, as it would without a ticket.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from OpenSSL import SSL
from OpenSSL.crypto import X509, PKey
from twisted.internet.ssl import AcceptableCiphers, CertificateOptions, TLSVersion

from mailhost.net.tls.certificate import BadCertificate, CertificateFiles, normal_name

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
SESSION_ID_CONTEXT = (
    b"mailhost"  # the same in all contexts, so that a ticket is valid for each server name
)


@dataclass(frozen=True, slots=True)
class Role:
    """The TLS requirements of one kind of listener.

    `protocols` are its ALPN identifiers as IANA registered them (RFC 7301 §6); SMTP has none.
    `opportunistic` listeners accept older versions and ciphers, as their clients would otherwise
    send in the clear.
    """

    protocols: tuple[bytes, ...] = ()
    opportunistic: bool = False


STRICT = Role()


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
    server, or an unknown one. Raises BadCertificate."""

    def __init__(
        self, certificates: Sequence[CertificateFiles], minimums: Minimums, role: Role
    ) -> None:
        self._of_name: dict[str, SSL.Context] = {}
        minimum = minimums.of(role)
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
    ciphers = OPPORTUNISTIC_CIPHERS if role.opportunistic else CIPHERS
    try:
        options = CertificateOptions(
            privateKey=PKey.from_cryptography_key(files.key),  # type: ignore[arg-type] # checked
            certificate=own,
            extraCertChain=others,
            acceptableCiphers=AcceptableCiphers.fromOpenSSLCipherString(ciphers),
            contextForServerName=choose,
            enableSessionTickets=True,
            **_oldest(minimum),
        )
        context = options.getContext()
    except (SSL.Error, TypeError) as error:
        name = files.names[0] if files.names else "without a name"
        raise BadCertificate(f"OpenSSL does not take the certificate {name}: {error}") from error
    if minimum < "1.2":
        context.set_cipher_list((ciphers + _SHA1).encode())
    context.set_session_id(SESSION_ID_CONTEXT)
    answer_alpn(context, role.protocols)
    return options


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
        shared = (name for name in offered if name in protocols)
        return next(shared, SSL.NO_OVERLAPPING_PROTOCOLS)

    context.set_alpn_select_callback(choose)
