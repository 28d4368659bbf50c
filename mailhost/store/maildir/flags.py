"""The letters in a message's file name, `BASE:2,LETTERS`, and the flags that they stand for.

`D`, `F`, `R`, `S` and `T` are IMAP's system flags, `a` to `z` the folder's keywords (`keywords`).
Letters are in the order of ASCII. All others, as `P` of the Maildir specification, and what follows
a second comma, belong to other programs and stay as they are. So Dovecot has it.
"""

from __future__ import annotations

import re
from string import ascii_lowercase

LETTERS = {
    "\\Draft": "D",
    "\\Flagged": "F",
    "\\Answered": "R",
    "\\Seen": "S",
    "\\Deleted": "T",
}
FLAGS = {letter: flag for flag, letter in LETTERS.items()}
OURS = frozenset(FLAGS) | frozenset(ascii_lowercase)
_BY_CASE = {flag.lower(): letter for flag, letter in LETTERS.items()}
_INFO = re.compile(r"2,([^,]*)(.*)", re.DOTALL)


def base_of(name: str) -> str:
    """Return the part of a file name that never changes while the message lives."""
    return name.partition(":")[0]


def letters_of(name: str) -> str:
    """Return all letters of a file name, as they stand there."""
    match = _INFO.fullmatch(name.rpartition(":")[2]) if ":" in name else None
    return match[1] if match else ""


def with_letters(name: str, letters: str) -> str:
    """Return the file name with these letters for flags and keywords, and its other ones."""
    match = _INFO.fullmatch(name.rpartition(":")[2]) if ":" in name else None
    others, rest = (match[1], match[2]) if match else ("", "")
    kept = [letter for letter in others if letter not in OURS]
    chosen = "".join(sorted({*kept, *letters}))
    return f"{base_of(name)}:2,{chosen}{rest}"


def letter_of(flag: str) -> str | None:
    """Return the letter of a system flag, in any case; None for all others."""
    return _BY_CASE.get(flag.lower())
