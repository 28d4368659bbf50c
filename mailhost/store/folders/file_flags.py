"""The flags of a message as letters in the name of its file, and back.

`D F R S T` are system flags, `a` to `z` are keywords by the folder's table. `P` (passed) has no
name in IMAP; it is kept. All other letters are dropped when the flags change.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from mailhost.message.flags import ANSWERED, DELETED, DRAFT, FIRST_KEYWORD, FLAGGED, SEEN

PASSED = 1 << 31
_SYSTEM: Mapping[str, int] = MappingProxyType(
    {"D": DRAFT, "F": FLAGGED, "P": PASSED, "R": ANSWERED, "S": SEEN, "T": DELETED}
)
_BITS: Mapping[str, int] = MappingProxyType(
    dict(_SYSTEM) | {chr(ord("a") + number): 1 << FIRST_KEYWORD + number for number in range(26)}
)


@lru_cache(maxsize=4096)
def flags_of(info: str) -> int:
    """Return the flags of what follows the colon in a file's name, `2,FS` for instance."""
    if not info.startswith("2,"):
        return 0
    flags = 0
    for letter in info[2:]:
        if letter == ",":
            break
        flags |= _BITS.get(letter, 0)
    return flags


@lru_cache(maxsize=4096)
def info_of(flags: int) -> str:
    """Return `:2,` with the letters of `flags` in the order of ASCII."""
    return ":2," + "".join(sorted(letter for letter, bit in _BITS.items() if flags & bit))


def split_name(name: str) -> tuple[str, int]:
    """Return the base of a file's name, and its flags."""
    base, _, info = name.partition(":")
    return base, flags_of(info)
