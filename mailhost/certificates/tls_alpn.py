"""tls-alpn-01 (RFC 8737), which the `acme` library does not know: the challenge itself, so that the
library can read it, and the certificate that answers it."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

from acme import challenges
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from josepy.jwk import JWK

from mailhost.certificates.values import TLS_ALPN_01
from mailhost.net.tls.certificate import current_time

ACME_IDENTIFIER = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31")
VALIDITY = timedelta(days=7)
CLOCK_SKEW = timedelta(days=1)


@challenges.ChallengeResponse.register
class TLSALPN01Response(challenges.KeyAuthorizationChallengeResponse):
    """The response: an empty object, as to every challenge with a key authorization."""

    typ = TLS_ALPN_01


@challenges.Challenge.register
class TLSALPN01(challenges.KeyAuthorizationChallenge):
    """The challenge. Its token is part of the key authorization."""

    response_cls = TLSALPN01Response
    typ = TLS_ALPN_01

    def validation(self, account_key: JWK, **kwargs: Any) -> tuple[bytes, bytes]:
        """Return the certificate for `domain`, and its key, in PEM."""
        return answer(kwargs["domain"], self.key_authorization(account_key))


def answer(name: str, key_authorization: str) -> tuple[bytes, bytes]:
    """Return a self-signed certificate for `name` with the digest of the key authorization (RFC
    8737 §3), and its key, both in PEM."""
    digest = hashlib.sha256(key_authorization.encode("ascii")).digest()
    octets = b"\x04" + bytes([len(digest)]) + digest  # an OCTET STRING in DER
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([])
    now = current_time()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + VALIDITY)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=True)
        .add_extension(x509.UnrecognizedExtension(ACME_IDENTIFIER, octets), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return certificate.public_bytes(Encoding.PEM), secret
