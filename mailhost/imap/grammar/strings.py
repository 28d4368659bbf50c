"""Writes strings: as an atom, quoted, or as a literal (RFC 9051 §4.3).

Text goes out as the client can read it: UTF-8 in quotes once it has enabled UTF8=ACCEPT or
IMAP4rev2 (RFC 6855 §3), else a literal.
"""

from __future__ import annotations

import re

from mailhost.message.imap.strings import NIL, is_utf8, literal
from mailhost.message.utf7 import encode_utf7

_ATOM = re.compile(rb"[!#$&'+-\[^-z|}~]+")
_PLAIN = re.compile(rb"[ !#-\[\]-~]*")  # within quotes, with no escape
_QUOTABLE = re.compile(rb"[ -~]*")
_UTF8_QUOTABLE = re.compile(rb"[^\0-\x1f\x7f]*")
_SPECIAL = re.compile(rb'(["\\])')


def quoted(text: bytes) -> bytes:
    """Return a quoted string. The text has no CR, LF or NUL; `string` takes any."""
    return b'"%b"' % (_SPECIAL.sub(rb"\\\1", text) if b'"' in text or b"\\" in text else text)


def string(data: bytes, *, utf8: bool = False) -> bytes:
    """Return a string: quoted where that is possible, else a literal.

    A literal must not hold NUL outside BINARY[...]; octets that are NUL are left out.
    """
    if _PLAIN.fullmatch(data):
        return b'"%b"' % data
    if _QUOTABLE.fullmatch(data) or (utf8 and _UTF8_QUOTABLE.fullmatch(data) and is_utf8(data)):
        return quoted(data)
    return literal(data.replace(b"\0", b""))


def nstring(data: bytes | None, *, utf8: bool = False) -> bytes:
    """Return a string, NIL for None."""
    return NIL if data is None else string(data, utf8=utf8)


def astring(data: bytes, *, utf8: bool = False) -> bytes:
    """Return an atom where that is possible, else a string."""
    if _ATOM.fullmatch(data) and data.upper() != NIL:
        return data
    return string(data, utf8=utf8)


def literal_header(size: int, *, binary: bool = False) -> bytes:
    """Return what stands before a literal whose `size` octets are streamed."""
    return b"%b{%d}\r\n" % (b"~" if binary else b"", size)


def mailbox(name: str, *, utf8: bool = False) -> bytes:
    """Return a mailbox name: modified UTF-7, or UTF-8 for a client that has enabled it."""
    return astring(name.encode("utf-8", "replace") if utf8 else encode_utf7(name), utf8=utf8)
