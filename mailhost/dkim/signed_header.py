"""The octets of a header section that a signature covers (RFC 6376 §3.7, §5.4.2)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from mailhost.dkim.canonical import Canonicalization, canonical_field
from mailhost.message.content import HEADER_LIMIT
from mailhost.message.header import Field, fields

# the value of b= up to the next semicolon; h= and all other tags stay as they are
_SIGNATURE = re.compile(rb"((?:^|;)[ \t\r\n]*b[ \t\r\n]*=)[^;]*")


class SignedHeader:
    """The fields of a header section, found by name as a signature lists them."""

    def __init__(self, header: bytes) -> None:
        self._header = header
        self._fields: dict[bytes, list[Field]] = {}
        for field in fields(header):
            self._fields.setdefault(field.name.lower(), []).append(field)

    @property
    def whole(self) -> bool:
        """False for a header section that was cut, so that the body begins somewhere else."""
        return len(self._header) < HEADER_LIMIT

    def count(self, name: bytes) -> int:
        """Return the number of fields with this name, which is in lower case."""
        return len(self._fields.get(name, ()))

    def digest(
        self,
        names: Sequence[bytes],
        form: Canonicalization,
        signature: Field,
        within: bytes | None = None,
    ) -> bytes:
        """Return the SHA-256 digest over the fields named, and over the field of the signature
        itself with an empty `b=`. Of fields with one name the lowest is taken first. `within` has
        the octets of `signature` if that field is not in the header section yet."""
        hashed = self.hashed(names, form)
        hashed.update(without_signature(signature, within or self._header, form))
        return hashed.digest()

    def hashed(self, names: Sequence[bytes], form: Canonicalization) -> hashlib._Hash:
        """Return SHA-256 over the fields named, for several signatures over the same fields: each
        goes on with a copy."""
        hashed = hashlib.sha256()
        taken = dict[bytes, int]()
        for name in names:
            number = taken[name] = taken.get(name, 0) + 1
            found = self._fields.get(name, ())
            if number <= len(found):
                hashed.update(canonical_field(found[-number], self._header, form))
        return hashed


def without_signature(signature: Field, header: bytes, form: Canonicalization) -> bytes:
    """Return the field of a signature in canonical form, without the value of b= and without the
    CRLF at its end."""
    value = _SIGNATURE.sub(rb"\1", signature.value, count=1)
    whole = header[signature.start : signature.end]
    begin = whole[: whole.index(b":") + 1]
    text = begin + value + b"\r\n"
    bare = Field(signature.name, value, 0, len(text))
    return canonical_field(bare, text, form)[:-2]
