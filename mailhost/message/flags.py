"""Flags of a message in a folder, as the bits of one number (RFC 9051 §2.3.2).

The system flags have fixed bits. Keywords (`$Forwarded`, `Work`) have the bits above those; which
keyword has which bit is a table of each folder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from types import MappingProxyType

ANSWERED, FLAGGED, DELETED, SEEN, DRAFT = 1, 2, 4, 8, 16

SYSTEM_FLAGS: Mapping[str, int] = MappingProxyType(
    {
        r"\Answered": ANSWERED,
        r"\Flagged": FLAGGED,
        r"\Deleted": DELETED,
        r"\Seen": SEEN,
        r"\Draft": DRAFT,
    }
)
SYSTEM_BITS = 31
FIRST_KEYWORD = 5  # the number of the bit of a folder's first keyword


class FlagAction(Enum):
    """The way in which STORE changes flags (RFC 9051 §6.4.6)."""

    REPLACE = ""
    ADD = "+"
    REMOVE = "-"


def keyword_bit(number: int) -> int:
    """Return the bit of the keyword with this number in its folder's table."""
    return 1 << FIRST_KEYWORD + number


def flag_names(flags: int, keywords: Sequence[str]) -> list[str]:
    """Return the names of `flags`; `keywords` is the folder's table, an empty name is not used."""
    names = [name for name, bit in SYSTEM_FLAGS.items() if flags & bit]
    if flags > SYSTEM_BITS:
        names += [
            name for number, name in enumerate(keywords) if name and flags & keyword_bit(number)
        ]
    return names
