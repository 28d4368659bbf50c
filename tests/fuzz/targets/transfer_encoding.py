"""Bodies in base64, quoted-printable and uuencode (RFC 2045 §6)."""

from __future__ import annotations

from mailhost.message.mime.encodings import (
    BadEncoding,
    decode,
    decode_base64,
    decode_exactly,
    encode,
    is_clear_base64,
)

LONGEST_LINE = 76  # RFC 2045 §6.7, §6.8
LONGEST_UU = 63  # octets that a line of uuencode stands for


def target(data: bytes) -> None:
    for encoding in ("7bit", "base64", "quoted-printable", "nonsense"):
        assert len(decode(data, encoding)) <= len(data)
    # the first octet of a line of uuencode says how long it is, even where the rest is missing
    assert len(decode(data, "x-uuencode")) <= LONGEST_UU * (1 + len(data) // 2)
    for encoding in ("base64", "quoted-printable"):
        _check_encoded(data, encoding)
        _check_exactly(data, encoding)
    if is_clear_base64(data) and len(b"".join(data.split())) % 4 == 0:
        assert decode_base64(data) == decode(data, "base64")


def _check_encoded(octets: bytes, encoding: str) -> None:
    """Any octets come back, in lines that are short enough and ASCII."""
    body = encode(octets, encoding)
    assert body.isascii()
    assert max(map(len, body.split(b"\r\n"))) <= LONGEST_LINE
    assert decode(body, encoding) == octets
    assert decode_exactly(body, encoding) == octets


def _check_exactly(body: bytes, encoding: str) -> None:
    """A body that is read without loss says the same when it is written again."""
    try:
        octets = decode_exactly(body, encoding)
    except BadEncoding as bad:
        assert len(str(bad)) < 300
        return
    assert decode_exactly(encode(octets, encoding), encoding) == octets
    if encoding == "base64":
        assert decode_base64(body) == octets
