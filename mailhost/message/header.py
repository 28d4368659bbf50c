"""Finding fields in a header section by offset, without parsing it whole (RFC 5322 §2.2).

Nothing here decodes or prints a message again: a field is found where it lies.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import getaddresses

from mailhost.message.address import Address, BadAddress, parse_address

_FIELD = re.compile(rb"^([!-9;-~]+)[ \t]*:((?:[^\r\n]|\r?\n[ \t]|\r(?!\n))*)\r?\n?", re.MULTILINE)
_RECEIVED = re.compile(rb"^received[ \t]*:", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Field:
    """A header field: its name as written, its raw value, and where the whole field lies."""

    name: bytes
    value: bytes
    start: int
    end: int

    @property
    def text(self) -> str:
        """The value unfolded, without the spaces around it."""
        return re.sub(rb"\r?\n", b"", self.value).strip().decode("utf-8", "replace")


def fields(header: bytes) -> Iterator[Field]:
    """Yield the fields of a header section in order. What is no field is passed over."""
    for match in _FIELD.finditer(header):
        yield Field(match[1], match[2], match.start(), match.end())


def values(header: bytes, name: str) -> list[str]:
    """Return the unfolded values of every field called `name`, in order."""
    wanted = name.lower().encode()
    return [field.text for field in fields(header) if field.name.lower() == wanted]


def count_received(header: bytes) -> int:
    """Return how many hosts the message passed (RFC 5321 §6.3)."""
    return len(_RECEIVED.findall(header))


def addresses(value: str) -> list[Address]:
    """Return the addresses in a field such as From. Raises BadAddress for what is none."""
    found = [address for _, address in getaddresses([value])]
    if not all(found):
        raise BadAddress(f"{value[:200]!r} holds no address that can be read")
    return [parse_address(address) for address in found]
