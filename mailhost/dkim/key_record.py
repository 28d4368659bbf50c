"""The public key of a signer as DNS shows it (RFC 6376 §3.6.1, RFC 8301 §3.2, RFC 8463 §4)."""

from __future__ import annotations

import binascii
from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from mailhost.message.tag_list import BadTagList, parse_tags, without_blanks

SHORTEST_RSA_KEY = 1024  # bits (RFC 8301 §3.2)
LONGEST_RSA_KEY = 8192  # bits; a check with a longer one takes too long
LARGEST_EXPONENT = 1 << 32  # of an RSA key; usual is 65537, and larger ones take long
LONGEST_RECORD = 8192  # octets
ANY_SERVICE = "*"  # the service of keys for every purpose (s=)
FOR_MAIL = frozenset({ANY_SERVICE, "email"})
_SHA256 = Prehashed(SHA256())
_PADDING = PKCS1v15()


class BadKey(ValueError):
    """A key record that is not to be used; the text of the exception says why."""


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key, and the limits that its record sets: `exact` (t=s) asks for i= in the very domain of
    d=, `testing` (t=y) says that the signer is only trying."""

    kind: str
    key: RSAPublicKey | Ed25519PublicKey
    exact: bool = False
    testing: bool = False

    def verifies(self, signature: bytes, digest: bytes) -> bool:
        """True where `signature` is one by this key over the SHA-256 `digest`."""
        try:
            if isinstance(self.key, RSAPublicKey):
                self.key.verify(signature, digest, _PADDING, _SHA256)
            else:
                self.key.verify(signature, digest)
        except InvalidSignature:
            return False
        return True


@lru_cache(maxsize=1000)
def parse_key_record(record: bytes, services: frozenset[str] = FOR_MAIL) -> KeyRecord:
    """Read a TXT record of a key for one of `services`. Raises BadKey.

    Records are remembered, as reading the key takes about as long as checking a signature by it.
    """
    if len(record) > LONGEST_RECORD:
        raise BadKey("the key record is too long")
    try:
        tags = parse_tags(record.decode("utf-8", "replace"))
    except BadTagList as bad:
        raise BadKey(f"the key record cannot be read: {bad}") from bad
    if (next(iter(tags), "") != "v" and "v" in tags) or tags.get("v", "DKIM1") != "DKIM1":
        raise BadKey("the record is no DKIM1 key record")
    if not services & set(without_blanks(tags.get("s", ANY_SERVICE)).split(":")):
        raise BadKey("the key is not for mail")
    if "sha256" not in without_blanks(tags.get("h", "sha256")).lower().split(":"):
        raise BadKey("the key is not for SHA-256")
    flags = without_blanks(tags.get("t", "")).lower().split(":")
    kind = tags.get("k", "rsa").lower()
    return KeyRecord(kind, _key(kind, tags), exact="s" in flags, testing="y" in flags)


def is_same_key(ours: str, shown: bytes) -> bool:
    """True if a verifier finds the key of the record `ours` in another record, however that one is
    written."""
    try:
        return parse_key_record(ours.encode()).key == parse_key_record(shown).key
    except BadKey:
        return False


def _key(kind: str, tags: dict[str, str]) -> RSAPublicKey | Ed25519PublicKey:
    if "p" not in tags:
        raise BadKey("the key record has no key")
    value = without_blanks(tags["p"])
    if not value:
        raise BadKey("the key is revoked")
    try:
        octets = binascii.a2b_base64(value, strict_mode=True)
        if kind == "ed25519":
            return Ed25519PublicKey.from_public_bytes(octets)
        if kind == "rsa":
            return _rsa_key(octets)
    except BadKey:
        raise
    except (ValueError, UnsupportedAlgorithm) as bad:
        raise BadKey(f"the key cannot be read: {bad}"[:200]) from bad
    raise BadKey(f"keys of the type {ascii(kind)[:20]} are not known")


def _rsa_key(octets: bytes) -> RSAPublicKey:
    """A SubjectPublicKeyInfo, or the RSAPublicKey that RFC 6376 names (erratum 3017)."""
    key = load_der_public_key(octets)
    if not isinstance(key, RSAPublicKey):
        raise BadKey("the key is no RSA key")
    if key.key_size < SHORTEST_RSA_KEY:
        raise BadKey(f"the key has {key.key_size} bits, fewer than {SHORTEST_RSA_KEY}")
    if key.key_size > LONGEST_RSA_KEY:
        raise BadKey(f"the key has {key.key_size} bits, more than {LONGEST_RSA_KEY}")
    if key.public_numbers().e > LARGEST_EXPONENT:
        raise BadKey("the exponent of the key is too large")
    return key
