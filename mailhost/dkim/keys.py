"""The private keys by which this host signs: made, read from PEM, and written as DNS records."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from mailhost.dkim.key_record import LONGEST_RSA_KEY, SHORTEST_RSA_KEY

RSA_BITS = 2048
_SHA256 = Prehashed(SHA256())
_PADDING = PKCS1v15()


class BadPrivateKey(ValueError):
    """A text that is no key to sign by; the text of the exception says why, and holds nothing of
    the key."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key. Its repr does not show the key."""

    key: RSAPrivateKey | Ed25519PrivateKey = field(repr=False)

    @property
    def kind(self) -> str:
        """`rsa` or `ed25519`, as `k=` has it."""
        return "rsa" if isinstance(self.key, RSAPrivateKey) else "ed25519"

    @property
    def algorithm(self) -> str:
        """The value of `a=`."""
        return f"{self.kind}-sha256"

    def sign(self, digest: bytes) -> bytes:
        """Return the signature over a SHA-256 digest; takes 0.5 ms with RSA of 2048 bits."""
        if isinstance(self.key, RSAPrivateKey):
            return self.key.sign(digest, _PADDING, _SHA256)
        return self.key.sign(digest)

    def pem(self) -> bytes:
        """Return the key as PKCS #8 in PEM, not encrypted."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def record(self) -> str:
        """Return the text of the TXT record at `SELECTOR._domainkey.DOMAIN` (RFC 6376 §3.6.1)."""
        if isinstance(self.key, RSAPrivateKey):
            octets = self.key.public_key().public_bytes(
                Encoding.DER, PublicFormat.SubjectPublicKeyInfo
            )
        else:
            octets = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return f"v=DKIM1; k={self.kind}; p={base64.b64encode(octets).decode()}"


def make_rsa_key(bits: int = RSA_BITS) -> SigningKey:
    """Make a key. Takes 0.1 to 1 s: to be called in a thread."""
    return SigningKey(generate_private_key(public_exponent=65537, key_size=bits))


def make_ed25519_key() -> SigningKey:
    """Make a key."""
    return SigningKey(Ed25519PrivateKey.generate())


def read_key(pem: bytes) -> SigningKey:
    """Read a private key in PEM that is not encrypted (PKCS #1 or PKCS #8). Raises
    BadPrivateKey."""
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as bad:
        raise BadPrivateKey("this is no private key in PEM without a password") from bad
    if isinstance(key, Ed25519PrivateKey):
        return SigningKey(key)
    if not isinstance(key, RSAPrivateKey):
        raise BadPrivateKey("the key is neither an RSA nor an Ed25519 key")
    if not SHORTEST_RSA_KEY <= key.key_size <= LONGEST_RSA_KEY:
        raise BadPrivateKey(
            f"the RSA key has {key.key_size} bits; from {SHORTEST_RSA_KEY} to {LONGEST_RSA_KEY} "
            f"are allowed, and {RSA_BITS} are recommended"
        )
    return SigningKey(key)


def read_own_key(pem: bytes) -> SigningKey:
    """Read a key that `SigningKey.pem` wrote: whether the numbers of an RSA key fit together is not
    checked again, as that takes some 40 ms. Raises BadPrivateKey."""
    try:
        key = load_pem_private_key(pem, password=None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm) as bad:
        raise BadPrivateKey("this is no private key in PEM without a password") from bad
    if not isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
        raise BadPrivateKey("the key is neither an RSA nor an Ed25519 key")
    return SigningKey(key)
