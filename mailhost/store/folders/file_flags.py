"""The flags of a message as letters in the name of its file, and back.

`D F R S T` are system flags, `a` to `z` are keywords by the folder's table. A name whose end is not
what `info_of` writes is odd: it has letters of other programs, or letters in another order. Such an
end is kept beside the flags, and `renamed` keeps the letters of others.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from string import ascii_lowercase
from types import MappingProxyType

from mailhost.message.flags import FIRST_KEYWORD, SYSTEM_FLAGS
from mailhost.store.maildir.flags import LETTERS, letters_of, with_letters

_BITS: Mapping[str, int] = MappingProxyType(
    {letter: SYSTEM_FLAGS[flag] for flag, letter in LETTERS.items()}
    | {letter: 1 << FIRST_KEYWORD + number for number, letter in enumerate(ascii_lowercase)}
)


@lru_cache(maxsize=4096)
def flags_of(info: str) -> int:
    """Return the flags of what follows the base name, `:2,FS` for instance."""
    flags = 0
    for letter in letters_of(info):
        flags |= _BITS.get(letter, 0)
    return flags


@lru_cache(maxsize=4096)
def letters(flags: int) -> str:
    """Return the letters of `flags` in the order of ASCII."""
    return "".join(sorted(letter for letter, bit in _BITS.items() if flags & bit))


@lru_cache(maxsize=4096)
def info_of(flags: int) -> str:
    """Return `:2,` with the letters of `flags`."""
    return f":2,{letters(flags)}"


def renamed(info: str, flags: int) -> str:
    """Return what follows the base name after the flags have changed, where it was `info`."""
    return with_letters(info, letters(flags))


def split_name(name: str) -> tuple[str, str]:
    """Return the base of a file's name, and what follows it."""
    base, colon, info = name.partition(":")
    return base, colon + info
