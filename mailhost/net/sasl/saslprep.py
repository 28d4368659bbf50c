"""SASLprep (RFC 4013): brings the different spellings of a user name or password into one form.

Unassigned code points are accepted, as for queries (RFC 3454 §7), so that users can have characters
that Unicode added after version 3.2 in their passwords.
"""

from __future__ import annotations

import stringprep
import unicodedata

_PROHIBITED = (  # RFC 4013 §2.3
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


class BadText(ValueError):
    """The text cannot be a user name or password under SASLprep."""


def saslprep(text: str) -> str:
    """Return the prepared form of `text`. Raises BadText."""
    if text.isascii() and text.isprintable():
        return text
    mapped = "".join(_map(character) for character in text)
    prepared = unicodedata.ucd_3_2_0.normalize("NFKC", mapped)
    for character in prepared:
        if any(prohibits(character) for prohibits in _PROHIBITED):
            raise BadText(f"U+{ord(character):04X} is not allowed in a user name or password")
    _check_direction(prepared)
    return prepared


def prepare_password(text: str) -> str:
    """Return the prepared form of a password, or the password itself if SASLprep does not allow it.

    Client and server still agree then, since both use the same text.
    """
    try:
        return saslprep(text)
    except BadText:
        return text


def _map(character: str) -> str:
    if stringprep.in_table_c12(character):
        return " "
    return "" if stringprep.in_table_b1(character) else character


def _check_direction(text: str) -> None:
    """Raise BadText for text from right to left that is mixed with text from left to right (RFC
    3454 §6)."""
    if not any(map(stringprep.in_table_d1, text)):
        return
    mixed = any(map(stringprep.in_table_d2, text))
    framed = stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1])
    if mixed or not framed:
        raise BadText("text from right to left is mixed with text from left to right")
