"""The text of signature fields: tags on lines of at most 76 octets, the signature at the end."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence

from mailhost.message.header import Field

_LONGEST_LINE = 76  # octets; one tag may be longer
_LAST_TAG = "\tb="


def folded(lines: Sequence[str]) -> bytes:
    """Return a field of these lines."""
    return "\r\n\t".join(lines).encode() + b"\r\n"


def wrapped(words: Sequence[str], separator: str) -> Iterator[str]:
    """Yield lines with as many words as fit; the separator stays at the end of a line if it is
    not a space."""
    line = words[0]
    for word in words[1:]:
        if len(line) + len(separator) + len(word) >= _LONGEST_LINE:
            yield line + separator.strip()
            line = word
        else:
            line += separator + word
    yield line


def as_field(text: bytes) -> Field:
    """Return the text of one field as a Field, with offsets in this text."""
    name, _, value = text[:-2].partition(b":")
    return Field(name, value, 0, len(text))


def with_signature(unsigned: bytes, signature: bytes) -> bytes:
    """Return a field whose last line is an empty `b=` with its signature."""
    text = base64.b64encode(signature).decode()
    first, more = _LONGEST_LINE - len(_LAST_TAG), _LONGEST_LINE - 1
    parts = [text[:first], *(text[at : at + more] for at in range(first, len(text), more))]
    return unsigned[:-2] + folded(parts)
