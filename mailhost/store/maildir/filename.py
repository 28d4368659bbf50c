"""Names of message files: `UNIQUE,S=SIZE,W=SIZE:2,FLAGS`.

UNIQUE never changes while the message lives. S is the file's size, W its size on the wire, lines
ending in CRLF; we write both, other tools may write none. FLAGS are letters in order (`DFPRST`);
files in `new/` have none.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

_NAME = re.compile(r"([^,:]+)((?:,[^,:]*)*)(?::2,([A-Za-z]*))?.*", re.DOTALL)
_WIRE_SIZE = re.compile(r",W=(\d{1,18})(?=,|$)")
_UNIQUE_ID = re.compile(r"[\x21-\x7e]{1,70}")


@dataclass(frozen=True, slots=True)
class MessageName:
    """A file name taken apart. `wire_size` is None where the name does not tell it."""

    unique: str
    wire_size: int | None
    flags: str


def parse_name(name: str) -> MessageName | None:
    """Return the parts of a file name, None for a file that is no message."""
    match = _NAME.fullmatch(name)
    if not match or name.startswith("."):
        return None
    size = _WIRE_SIZE.search(match[2])
    return MessageName(match[1], int(size[1]) if size else None, match[3] or "")


def sized_name(unique: str, size: int) -> str:
    """Return the name for a new message of `size` octets, all of whose lines end in CRLF."""
    return f"{unique},S={size},W={size}"


def unique_id(unique: str) -> str:
    """Return `unique` as a POP3 unique-id (RFC 1939 §7 UIDL): 1 to 70 printable characters."""
    if _UNIQUE_ID.fullmatch(unique):
        return unique
    return hashlib.sha256(unique.encode("utf-8", "surrogateescape")).hexdigest()[:40]
