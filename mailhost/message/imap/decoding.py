"""Bodies decoded a block at a time: transfer encodings to octets, charsets to text.

Any body can be decoded; what is broken gives what can be read of it. The time between two blocks is
below a millisecond, and no more than a block is held.
"""

from __future__ import annotations

import binascii
import codecs
import string
from collections.abc import Iterable, Iterator

from mailhost.message.imap.part_offsets import BodyPart
from mailhost.message.imap.reader import BLOCK, Reader, blocks
from mailhost.message.mime.encoded_words import codec_of
from mailhost.message.mime.encodings import RAW, decode_base64

ENCODINGS = RAW | {"base64", "quoted-printable"}  # that BINARY can take away (RFC 3516 §4.3)
_BASE64 = (string.ascii_letters + string.digits + "+/=").encode("ascii")
_NO_BASE64 = bytes(set(range(256)) - set(_BASE64))
_LONGEST_LINE = 1 << 12  # octets of quoted-printable without a line break; RFC 2045 §6.7 allows 76


def decoded(
    reader: Reader, part: BodyPart, limit: int | None = None, block: int = BLOCK
) -> Iterator[bytes]:
    """Yield the octets that a part's body stands for; one in an unknown encoding as it is.

    `limit` is how many octets of the encoded body are read, `block` how many at once. Raises
    OSError.
    """
    end = part.end if limit is None else min(part.end, part.body + limit)
    encoded = blocks(reader, part.body, end, block)
    if part.is_multipart or part.is_message:
        return encoded
    if part.encoding == "base64":
        return _from_base64(encoded)
    return _from_quoted(encoded) if part.encoding == "quoted-printable" else encoded


def decoded_size(reader: Reader, part: BodyPart) -> int:
    """Return how many octets `decoded` yields: BINARY.SIZE. It reads the whole part. Raises
    OSError."""
    if part.encoding in RAW or part.is_multipart or part.is_message:
        return part.size
    return sum(map(len, decoded(reader, part)))


def can_decode(part: BodyPart) -> bool:
    """False where BINARY must be answered with NO [UNKNOWN-CTE] (RFC 9051 §6.4.5.1)."""
    return part.encoding in ENCODINGS


def _from_base64(encoded: Iterable[bytes]) -> Iterator[bytes]:
    """Groups of four characters are decoded together; foreign octets are passed over, and behind a
    padding a new group begins."""
    rest = b""
    for block in encoded:
        text = rest + block.translate(None, _NO_BASE64)
        end = len(text) - (len(text) - text.rfind(b"=") - 1) % 4
        yield decode_base64(text[:end])
        rest = text[end:]
    if rest:
        yield decode_base64(rest)


def _from_quoted(encoded: Iterable[bytes]) -> Iterator[bytes]:
    """Whole lines are decoded together, since blanks at the end of a line stand for nothing."""
    rest = b""
    for block in encoded:
        text = rest + block
        end = text.rfind(b"\n") + 1
        if not end and len(text) > _LONGEST_LINE:
            end = _before_escape(text)
        yield binascii.a2b_qp(text[:end])
        rest = text[end:]
    if rest:
        yield binascii.a2b_qp(rest)


def _before_escape(text: bytes) -> int:
    """A place to cut a long line: not in what `=` begins."""
    end = text.rfind(b"=", len(text) - 3)
    return end if end > 0 else len(text)


def texts(octets: Iterable[bytes], charset: str) -> Iterator[str]:
    """Yield octets as text. Octets that are no text in the charset become U+FFFD; an unknown
    charset, or none, is read as UTF-8."""
    codec = codec_of(charset) or "utf-8"
    decoder = codecs.getincrementaldecoder(codec)("replace")
    for block in octets:
        try:
            yield decoder.decode(block)
        except UnicodeError:  # UTF-16 or UTF-32 without its mark is big-endian (RFC 2781 §4.3)
            decoder = codecs.getincrementaldecoder(f"{codec}_be")("replace")
            yield decoder.decode(block)
    try:
        yield decoder.decode(b"", final=True)
    except UnicodeError:  # half a character, and nothing in front of it
        yield "\ufffd"
