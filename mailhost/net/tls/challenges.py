"""Answers an authority that checks over TLS which names this host has (tls-alpn-01, RFC 8737).

The authority offers the one protocol `acme-tls/1` by ALPN, and names the host that it checks. It
gets the certificate of the challenge, and the connection is closed after the handshake. Other
clients never see that certificate. OpenSSL asks for the certificate (by the server name) before it
shows which protocols are offered, so the offer is looked for in the octets of the ClientHello.
"""

from __future__ import annotations

from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL
from OpenSSL.crypto import X509, PKey

from mailhost.interfaces.challenges import ITLSChallenges
from mailhost.net.tls.certificate import normal_name

ACME_TLS = b"acme-tls/1"
_OFFER = b"\x00\x10\x00\x0d\x00\x0b\x0a" + ACME_TLS  # the extension with this protocol alone
MOST_HELLO = 16_384  # octets of a ClientHello that are searched; one of an authority has fewer


class ChallengedConnection(SSL.Connection):
    """Our side of a connection at which an authority may check a name."""

    def __init__(self, context: SSL.Context, challenges: ITLSChallenges) -> None:
        super().__init__(context, None)
        self._challenges = challenges
        self._hello: bytes | None = b""  # None from the server name on
        self._answered = False

    def bio_write(self, buf: Any) -> int:
        if self._hello is not None and len(self._hello) < MOST_HELLO:
            self._hello += bytes(buf)
        return super().bio_write(buf)

    def answer(self) -> bool:
        """Take the certificate of a challenge, where an authority asks for one; False elsewhere.
        Called when the server name is known, and again after a HelloRetryRequest."""
        if self._answered:
            return True
        hello, self._hello = self._hello, None
        name = normal_name((self.get_servername() or b"").decode("ascii", "replace"))
        if not hello or _OFFER not in hello:
            return False
        found = self._challenges.certificate_for(name)
        if found is None:
            return False
        self.set_context(_challenge_context(*found))
        self._answered = True
        return True

    def do_handshake(self) -> None:
        super().do_handshake()
        if self._answered:
            raise SSL.Error([("", "", "the challenge is answered, and no data follow")])


def refuse_challenge(connection: SSL.Connection, offered: list[bytes]) -> None:
    """Raise SSL.Error, which ends the handshake, where an authority checks an unknown name."""
    if offered == [ACME_TLS] and isinstance(connection, ChallengedConnection):
        raise SSL.Error([("", "", "no challenge is open for this server name")])


def _challenge_context(chain: bytes, key: bytes) -> SSL.Context:
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.use_certificate(X509.from_cryptography(x509.load_pem_x509_certificate(chain)))
    private = load_pem_private_key(key, password=None)
    context.use_privatekey(PKey.from_cryptography_key(private))  # type: ignore[arg-type] # an authority's client made it
    context.set_alpn_select_callback(lambda connection, offered: ACME_TLS)
    return context
