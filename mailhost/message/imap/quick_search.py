"""Finds out in microseconds that most messages do not have a text, before they are parsed.

`look` looks at a whole message at once: headers, bodies and boundaries together. A text that
`search` finds in a part stands in these octets as it is, unfolded or in quoted-printable, unless
some of its characters are written as a character reference or as octets that are not ASCII, or
tags stand between them. All this is ruled out one by one; a message for which something cannot be
ruled out, as for a text in base64, may contain the text. Encoded words are decoded.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Iterator
from html import unescape

from mailhost.message.imap.search import decoded_value, fold
from mailhost.message.mime.encoded_words import codec_of

_CHARSET = re.compile(rb'charset\s*=\s*"?([^\s";]*)')
_REFERENCE = re.compile(rb"&#?\w+;?")
_ASCII = bytes(range(128))
# a no-break space as it is written in HTML, in UTF-8, and in charsets of single octets
_NO_BREAK = (
    *(b"&nbsp;", b"&nbsp", b"&#160;", b"&#160", b"&#xa0;", b"&#xa0"),
    *(b"\xc2\xa0", b"\xa0", b"\x9a", b"\xca"),
)
_NAME = re.compile(rb"[a-z0-9_.:-]*=*")
# charsets of one octet for a character, with ASCII as their lower half
_SINGLE = frozenset({"latin_1", "koi8_r", "koi8_u", "mac_roman"}).union(
    [f"iso8859_{number}" for number in range(2, 17)], [f"cp125{number}" for number in range(9)]
)
_PLAIN = _SINGLE | {"ascii", "utf_8"}
# characters that the searched texts have where the message has something else: a field's name is
# divided from its value by `: `, tags and references are taken away
_NOT_LITERAL = re.compile("[\r\n:<>&;\ufffd]")
_LARGEST = 1 << 17  # octets; larger messages have attachments that parsing passes over
_TYPE = b"\r\ncontent-type:"
_NO_TEXT = re.compile(
    rb"\ncontent-type:[ \t]*(?:application|audio|font|image|model|video)/[a-z0-9]"
)
_NOT_SIMPLE = (b"base64", b"quoted-printable", b"multipart", b"message/")


class QuickSearch:
    """Looks for one text in whole messages. `needle` is folded (`search.fold`)."""

    __slots__ = (
        "_characters", "_has_blank", "_heads", "_is_ascii", "_is_literal", "_needle", "_octets",
        "_tails",
    )  # fmt: skip

    def __init__(self, needle: str) -> None:
        self._is_literal = bool(needle) and not _NOT_LITERAL.search(needle)
        self._is_ascii = needle.isascii()
        self._needle = needle
        self._octets = needle.encode()
        self._characters = frozenset(needle)
        self._has_blank = " " in needle or "\t" in needle
        places = range(1, len(self._octets))
        self._heads = _one_of(self._octets[:place] + b"<" for place in places)  # before a tag
        self._tails = _one_of(b">" + self._octets[place:] for place in places)

    def look(self, octets: bytes) -> bool | None:
        """Return False where no text of the message contains the needle, True where its body does,
        None where neither is certain."""
        if not self._is_literal:
            return None
        lowered = octets.lower()
        if self._is_ascii and self._octets in lowered:
            return self._is_in_simple_body(octets, lowered) or None
        if len(octets) > _LARGEST or (b"base64" in lowered and _may_have_base64_text(lowered)):
            return None
        if b"=?" in lowered and any(self._needle in fold(text) for text in _with_words(octets)):
            return None
        codecs = _codecs_of(lowered)
        if codecs is None:
            return None
        has_html = b"html" in lowered
        if self._may_be_in(octets, lowered, codecs, has_html):
            return None
        if b"quoted-printable" in lowered:
            octets = binascii.a2b_qp(octets)
            if self._may_be_in(octets, octets.lower(), codecs, has_html):
                return None
        return False

    def _is_in_simple_body(self, octets: bytes, lowered: bytes) -> bool:
        """True where the message is one text, which is written as it is read, with the needle."""
        end = lowered.find(b"\r\n\r\n")
        if end < 0 or lowered.find(self._octets, end + 4) < 0 or not octets.isascii():
            return False
        header = b"\r\n" + lowered[: end + 2]
        if any(word in header for word in _NOT_SIMPLE) or _codecs_of(header) is None:
            return False
        types = header.count(b"content-type")
        return not types or (types == 1 and _TYPE + b" text/" in header)

    def may_be_in_header(self, header: bytes) -> bool:
        """Return False where no field of the header section contains the needle; `header` may be
        the raw value of one field too."""
        if not self._is_literal or b"=?" in header or not header.isascii():
            return True
        lowered = header.lower()
        if self._has_blank:
            lowered = _with_blanks(lowered)
        return self._is_ascii and self._octets in lowered

    def _may_be_in(
        self, octets: bytes, lowered: bytes, codecs: Iterable[str], has_html: bool
    ) -> bool:
        if self._has_blank:
            lowered = _with_blanks(lowered)
        if (self._is_ascii and self._octets in lowered) or self._is_in_upper_half(octets, codecs):
            return True
        return has_html and (self._is_in_references(octets) or self._is_among_tags(lowered))

    def _is_in_upper_half(self, octets: bytes, codecs: Iterable[str]) -> bool:
        """True where octets that are not ASCII may stand for characters of the needle. Fields are
        UTF-8, or else Latin-1."""
        if octets.isascii():
            return False
        octets = octets.translate(None, _ASCII)
        return not self._is_ascii or any(
            self._has_one_of(octets.decode(codec, "replace"))
            for codec in ("utf-8", "latin-1", *codecs)
        )

    def _is_in_references(self, octets: bytes) -> bool:
        """True where a character reference may stand for a character of the needle."""
        found = set(_REFERENCE.findall(octets)) if b"&" in octets else ()
        written = [each.decode("latin-1") for each in found if each.lower() not in _NO_BREAK]
        return any(
            text != each and self._has_one_of(text)
            for each, text in ((each, unescape(each)) for each in written)
        )

    def _has_one_of(self, text: str) -> bool:
        return not self._characters.isdisjoint(fold(text))

    def _is_among_tags(self, lowered: bytes) -> bool:
        """True where tags may stand between the characters of the needle: its beginning stands in
        front of one, and its end behind one."""
        return bool(self._tails.search(lowered) and self._heads.search(lowered))


def _one_of(texts: Iterable[bytes]) -> re.Pattern[bytes]:
    """A pattern of any of the texts; nothing is found of none."""
    return re.compile(b"|".join(map(re.escape, texts)) or rb"(?!)")


def _may_have_base64_text(lowered: bytes) -> bool:
    """False where base64 is the encoding of attachments alone: of what is not searched."""
    at = lowered.find(b"base64")
    while at >= 0:
        start = max(lowered.rfind(b"\r\n\r\n", 0, at) + 2, lowered.rfind(b"\n--", 0, at))
        end = lowered.find(b"\r\n\r\n", at)
        header = lowered[start : end if end >= 0 else len(lowered)]
        if header.count(b"content-type") != 1 or not _NO_TEXT.search(header):
            return True
        at = lowered.find(b"base64", end) if end >= 0 else -1
    return False


def _with_words(octets: bytes) -> Iterator[str]:
    """Yield the values of the lines that may have encoded words, as `search` reads fields: with
    those that follow and begin with a blank."""
    at = octets.find(b"=?")
    while at >= 0:
        start = octets.rfind(b"\n", 0, at) + 1
        while start and octets[start : start + 1] in (b" ", b"\t"):
            start = octets.rfind(b"\n", 0, start - 1) + 1
        end = octets.find(b"\n", at)
        while end >= 0 and octets[end + 1 : end + 2] in (b" ", b"\t"):
            end = octets.find(b"\n", end + 1)
        line = octets[start : end if end >= 0 else len(octets)]
        yield decoded_value(line.partition(b":")[2])
        at = octets.find(b"=?", end) if end >= 0 else -1


def _with_blanks(lowered: bytes) -> bytes:
    """Unfold fields, and write no-break spaces as those that they are compared as."""
    for fold_ in (b"\r\n", b"\n"):
        lowered = lowered.replace(fold_ + b" ", b" ").replace(fold_ + b"\t", b"\t")
    for blank in _NO_BREAK:
        lowered = lowered.replace(blank, b" ")
    return lowered


def _codecs_of(lowered: bytes) -> set[str] | None:
    """The charsets of single octets that a message names; those that nobody knows are read as
    UTF-8. None where ASCII octets may stand for other characters."""
    if b"\x1b" in lowered or b"\0" in lowered:
        return None
    count = lowered.count(b"charset")
    if not count:
        return set()
    names = _CHARSET.findall(lowered)
    if len(names) != count:
        return None
    wanted = set(names)
    if not all(map(_NAME.fullmatch, wanted)):
        return None
    codecs = {codec_of(name.rstrip(b"=").decode("ascii")) or "utf_8" for name in wanted}
    return codecs & _SINGLE if codecs <= _PLAIN else None
