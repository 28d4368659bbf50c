"""Strings as IMAP writes them in a reply: quoted, or as a literal (RFC 9051 §4.3, §9 `string`)."""

from __future__ import annotations

import re

NIL = b"NIL"
_LONGEST_QUOTED = 1000  # octets; clients have limits for lines, not for literals
_PLAIN = re.compile(rb"[ !#-\[\]-~]*")
_QUOTABLE = re.compile(rb"[\t -~]*")
_QUOTABLE_UTF8 = re.compile(rb"[\t -~\x80-\xff]*")
_SPECIAL = re.compile(rb'["\\]')
_BLANKS = b" \t\r"
_NO_CONTROLS = bytes.maketrans(b"\0\r", b"  ")


def string(octets: bytes, utf8: bool = False) -> bytes:
    """Return octets without NUL as a string. 8-bit octets make it a literal; `utf8` is for a client
    that reads UTF-8 in quoted strings (IMAP4rev2, RFC 6855 §3)."""
    if len(octets) > _LONGEST_QUOTED:
        return literal(octets)
    if _PLAIN.fullmatch(octets):
        return b'"%b"' % octets
    if _QUOTABLE.fullmatch(octets) or (
        utf8 and _QUOTABLE_UTF8.fullmatch(octets) and is_utf8(octets)
    ):
        return b'"%b"' % _SPECIAL.sub(rb"\\\g<0>", octets)
    return literal(octets)


def nstring(octets: bytes | None, utf8: bool = False) -> bytes:
    """Return a string, NIL for None."""
    return NIL if octets is None else string(octets, utf8)


def literal(octets: bytes) -> bytes:
    """Return octets as a literal."""
    return b"{%d}\r\n%b" % (len(octets), octets)


def without_nul(octets: bytes) -> bytes:
    """Return octets of a section for a literal, which can have no NUL (RFC 9051 §9 `CHAR8`): 0x80
    stands in its place, so that sizes stay. A literal8 (BINARY) needs no such change."""
    return octets.replace(b"\0", b"\x80") if b"\0" in octets else octets


def unfolded(value: bytes) -> bytes:
    """Return a field's raw value as one line without the blanks around it. A fold becomes one
    blank; so does a NUL or bare CR, which no quoted string can have."""
    if b"\n" in value:
        value = b" ".join(filter(None, [line.strip(_BLANKS) for line in value.split(b"\n")]))
    if b"\0" in value or b"\r" in value:
        value = value.translate(_NO_CONTROLS)
    return value.strip(b" \t")


def text_of(octets: bytes) -> str:
    """Return octets that have no charset as text: UTF-8 where they can be, otherwise Latin-1."""
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.decode("latin-1")


def is_utf8(octets: bytes) -> bool:
    """True where the octets are UTF-8."""
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
