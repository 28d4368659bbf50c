"""Object identifiers of RFC 8474, made of what identifies something already."""

from __future__ import annotations

import hashlib
from base64 import b32encode

_OCTETS = 15  # 24 characters


def object_id(kind: str, text: str) -> str:
    """Return an identifier of ALPHA and DIGIT, always the same for the same text. `kind` is its
    first letter, so that identifiers of different kinds differ (RFC 8474 §7)."""
    octets = text.encode("utf-8", "surrogateescape")
    digest = hashlib.blake2b(octets, digest_size=_OCTETS).digest()
    return kind + b32encode(digest).decode("ascii")
