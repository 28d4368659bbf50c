"""Encoded words: text outside ASCII in header fields (RFC 2047); and the known charsets.

The sender chooses the name of a charset. The name is looked up in a table and not passed to Python:
Python would search for a module of that name, and has codecs that are no charsets or take quadratic
time.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from email.header import Header
from encodings.aliases import aliases
from itertools import groupby

from mailhost.message.mime.encodings import decode_base64

_NO_CHARSET = frozenset(
    {"base64_codec", "bz2_codec", "hex_codec", "quopri_codec", "rot_13", "uu_codec", "zlib_codec"}
    | {"mbcs", "tactis"}
)
_WITHOUT_ALIAS = ("koi8_t", "koi8_u", "cp720", "cp737", "cp856", "cp874", "cp1006", "utf_8_sig")
_CODECS = {
    name: codec
    for name, codec in [
        *((codec, codec) for codec in (*aliases.values(), *_WITHOUT_ALIAS)),
        *aliases.items(),
        ("windows_874", "cp874"),
    ]
    if codec not in _NO_CHARSET
}
# The encoded text may have blanks, which RFC 2047 §2 forbids but some mail programs write.
_WORD = re.compile(r"=\?([^?\s]{1,75})\?([bBqQ])\?([^?]*)\?=")
_LONGEST_WORD = 75  # RFC 2047 §2


def codec_of(charset: str) -> str | None:
    """Return the name of Python's codec for a charset, None for an unknown charset.

    >>> codec_of("ISO-8859-1")
    'latin_1'
    """
    return _CODECS.get(re.sub(r"[- :]", "_", charset[:60].strip().lower()))


def decode_text(octets: bytes, charset: str) -> str:
    """Return the text. Octets that are invalid in the charset become U+FFFD; octets in an unknown
    charset are read as UTF-8."""
    return octets.decode(codec_of(charset) or "utf-8", "replace")


def decode_words(text: str, *, plainly: bool = False) -> str:
    """Return an unfolded value with its encoded words decoded (RFC 2047 §6). Never raises.

    `plainly` decodes them as the simplest programs do: as UTF-8 whatever the charset, and base64 up
    to its first padding.

    >>> decode_words("=?utf-8?q?J=C3=B6?= =?utf-8?b?cmc=?= (x)")
    'Jörg (x)'
    """
    return "".join(
        decode_text(b"".join(octets for _, octets in run), "utf-8" if plainly else charset)
        for charset, run in groupby(_runs(text, plainly), key=lambda run: run[0])
    )


def _runs(text: str, plainly: bool) -> Iterator[tuple[str, bytes]]:
    """Yield charsets and octets. The caller joins the octets of adjacent words of one charset,
    since a character may be split between two encoded words, against RFC 2047 §5."""
    at = 0
    for match in _WORD.finditer(text):
        between = text[at : match.start()]
        if between and (at == 0 or between.strip(" \t\r\n")):
            yield "utf-8", between.encode("utf-8", "replace")
        encoded = match[3].partition("=")[0] if plainly and match[2] in "bB" else match[3]
        yield match[1].partition("*")[0].lower(), _octets(match[2], encoded)
        at = match.end()
    yield "utf-8", text[at:].encode("utf-8", "replace")


def _octets(encoding: str, text: str) -> bytes:
    octets = text.encode("utf-8", "replace")
    return decode_base64(octets) if encoding in "bB" else binascii.a2b_qp(octets, header=True)


def encode_words(text: str) -> list[str]:
    """Return the text as encoded words. The caller puts blanks between them."""
    encoded = Header(text, "utf-8", maxlinelen=_LONGEST_WORD).encode(splitchars="")
    return [word for word in encoded.split() if word]
