"""Transfer encodings (RFC 2045 §6): encoding and decoding of bodies."""

from __future__ import annotations

import binascii
import re
import string
from functools import lru_cache
from itertools import islice

RAW = frozenset({"7bit", "8bit", "binary"})  # the body is not encoded
_QUOTED_LINE = 76  # octets of a line (RFC 2045 §6.7)
_TO_QUOTE = re.compile(rb"[^\t !-<>-~]{1,8}")
UU = frozenset({"x-uuencode", "uuencode", "x-uue", "uue"})
_BASE64 = (string.ascii_letters + string.digits + "+/=").encode("ascii")
_NOT_BASE64 = bytes(set(range(256)) - set(_BASE64))
_NOT_PADDING = re.compile(rb"[^=]+")
_LINE = re.compile(rb"[^\r\n]+")
_MOST_UU_LINES = 1 << 20  # that are decoded; a line has 45 octets
_MOST_BASE64_GROUPS = 1 << 18  # texts between paddings that are decoded; correct base64 has one
_UU_BEGIN = re.compile(rb"^begin [0-7]+ [^\n]*\n", re.MULTILINE)


class BadEncoding(ValueError):
    """A body is not valid in its transfer encoding, or the encoding is unknown."""


def decode(body: bytes, encoding: str) -> bytes:
    """Return the decoded body, as far as it can be decoded. Never raises.

    A body in an unknown encoding is returned unchanged.
    """
    if encoding == "base64":
        return decode_base64(body)
    if encoding == "quoted-printable":
        return binascii.a2b_qp(body)
    return _decode_uu(body) if encoding in UU else body


def decode_exactly(body: bytes, encoding: str) -> bytes:
    """Return the decoded body, which encoded again has the same meaning. Raises BadEncoding."""
    if encoding in RAW:
        return body
    if encoding == "quoted-printable":
        return binascii.a2b_qp(body)
    if encoding != "base64":
        raise BadEncoding(f"the transfer encoding {encoding[:40]!r} is unknown")
    try:
        return binascii.a2b_base64(b"".join(body.split()), strict_mode=True)
    except binascii.Error as error:
        raise BadEncoding(f"a body is not valid base64: {error}") from error


def decode_base64(text: bytes) -> bytes:
    """Decode base64 as the most lenient program does: octets outside the alphabet are skipped, and
    the text behind padding is decoded too, up to a number of paddings."""
    octets = bytearray()
    groups = _NOT_PADDING.finditer(text.translate(None, _NOT_BASE64))
    for match in islice(groups, _MOST_BASE64_GROUPS):
        group = match[0]
        if len(group) % 4 == 1:  # six bits alone are no octet
            group = group[:-1]
        octets += binascii.a2b_base64(group + b"=" * (-len(group) % 4))
    return bytes(octets)


def is_clear_base64(body: bytes) -> bool:
    """False where programs decode a body differently: it has octets outside the base64 alphabet,
    or text behind its padding."""
    if body.translate(None, _BASE64 + b" \t\r\n"):
        return False
    return b"=" not in body.translate(None, b" \t\r\n").rstrip(b"=")


def _decode_uu(body: bytes) -> bytes:
    begin = _UU_BEGIN.search(body)
    octets = bytearray()
    lines = _LINE.finditer(body, begin.end() if begin else 0)
    for match in islice(lines, _MOST_UU_LINES):
        if match[0] == b"end":
            break
        octets += _uu_line(match[0])
    return bytes(octets)


def _uu_line(line: bytes) -> bytes:
    try:
        return binascii.a2b_uu(line)
    except binascii.Error:  # some encoders add octets at the end; other errors give no octets
        length = ((line[0] - 32 & 63) * 4 + 5) // 3
        try:
            return binascii.a2b_uu(line[:length])
        except binascii.Error:
            return b""


def encode_base64(octets: bytes) -> bytes:
    """Return the octets as base64 in lines of 76 characters (RFC 2045 §6.8)."""
    lines = (octets[at : at + 57] for at in range(0, len(octets), 57))
    return b"".join(binascii.b2a_base64(line, newline=False) + b"\r\n" for line in lines)


def encode_quoted_printable(octets: bytes) -> bytes:
    """Return the octets as quoted-printable in lines of at most 76 characters (RFC 2045 §6.7).

    A CRLF remains a line end. A bare CR or LF is quoted, so that decoding gives the same octets.
    """
    return b"\r\n".join(map(_quoted_line, octets.split(b"\r\n")))


def _quoted_line(line: bytes) -> bytes:
    """Return one line with soft line breaks. (`binascii.b2a_qp` makes lines of 77 characters where
    a blank is in front of a quoted octet.)"""
    text = _TO_QUOTE.sub(lambda match: _quoted(match[0]), line)
    if text.endswith((b" ", b"\t")) or text == b".":
        text = text[:-1] + b"=%02X" % text[-1]
    lines, at = list[bytes](), 0
    while len(text) - at > _QUOTED_LINE:
        end = at + _QUOTED_LINE - 1  # without the `=` of the soft line break
        quoted = text.find(b"=", end - 2, end)
        end = quoted if quoted >= 0 else end
        lines.append(text[at:end])
        at = end
    return b"=\r\n".join([*lines, text[at:]])


@lru_cache(maxsize=1000)
def _quoted(octets: bytes) -> bytes:
    """Return a few octets as quoted ones. The same characters come again and again."""
    return b"=" + octets.hex("=").upper().encode("ascii")


def encode(octets: bytes, encoding: str) -> bytes:
    """Return the octets in base64 or quoted-printable; unchanged for another encoding."""
    if encoding == "base64":
        return encode_base64(octets)
    return encode_quoted_printable(octets) if encoding == "quoted-printable" else octets
