"""Adds a text to the bodies of a message: a footer, a disclaimer, a warning in front.

The text is written in the charset and transfer encoding of each body where these can represent it.
Otherwise a plain text becomes UTF-8, and HTML gets character references. A body that was 7bit, or
ASCII, and then has octets above 127, becomes quoted-printable, because the next hop may lack
8BITMIME. Attachments and all other parts keep their octets.
"""

from __future__ import annotations

import html as markup
import re
from collections.abc import Iterator
from dataclasses import dataclass

from mailhost.message.header import named, values
from mailhost.message.mime.bodies import HTML, PLAIN, LeftAlone, refuse_inline_pgp, text_bodies
from mailhost.message.mime.edits import Edit, apply
from mailhost.message.mime.encoded_words import codec_of
from mailhost.message.mime.encodings import (
    RAW,
    BadEncoding,
    decode_exactly,
    encode,
    encode_quoted_printable,
)
from mailhost.message.mime.fields import replace
from mailhost.message.mime.flowed import SIGNATURE, flow
from mailhost.message.mime.markup import place_at_end, place_in_front
from mailhost.message.mime.parameters import parse_value, with_parameter
from mailhost.message.mime.structure import Part, parse

LARGEST_TEXT = 5_000_000  # octets of a body; a larger one would take too long
_LONGEST_LINE = 900  # octets that a line may have, far enough from 998
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_QUOTED_PRINTABLE = "quoted-printable"
# charsets in which the octet of `<` may be a half of a character
_STATEFUL_CHARSETS = ("hz", "iso2022_")


@dataclass(frozen=True, slots=True)
class AddedText:
    """The text to add, as lines, and the same as HTML. Empty HTML stands for the escaped text."""

    text: str
    html: str = ""

    def as_html(self) -> str:
        """Return the HTML; the escaped text in a paragraph where there is none."""
        escaped = markup.escape(self.text.strip("\r\n"), quote=False)
        return self.html or "<p>" + "<br>\n".join(_lines(escaped)) + "</p>"


@dataclass(frozen=True, slots=True)
class Edited:
    """The message with the added text, or None and the reason why it must not be changed."""

    message: bytes | None
    reason: str = ""


def append(message: bytes, added: AddedText, root: Part | None = None) -> Edited:
    """Add a text at the end of each body. `root` is the tree if the message was parsed before."""
    return _edited(message, added, root, in_front=False)


def prepend(message: bytes, added: AddedText, root: Part | None = None) -> Edited:
    """Add a text in front of each body. `root` is the tree if the message was parsed before."""
    return _edited(message, added, root, in_front=True)


def _edited(message: bytes, added: AddedText, root: Part | None, *, in_front: bool) -> Edited:
    try:
        bodies = text_bodies(root or parse(message))
        if not bodies:
            raise LeftAlone("it has no text")
        edits = [_edit(message, part, added, in_front) for part in bodies]
    except (LeftAlone, BadEncoding) as reason:
        return Edited(None, str(reason))
    return Edited(apply(message, edits))


def _edit(message: bytes, part: Part, added: AddedText, in_front: bool) -> Edit:
    if part.end - part.body > LARGEST_TEXT:
        raise LeftAlone(f"its text has more than {LARGEST_TEXT} octets")
    raw = message[part.body : part.end]
    body = decode_exactly(raw, part.encoding)
    refuse_inline_pgp(body, part.type == HTML)
    text = _Text(part, raw, body).with_text(added, in_front)
    header = text.header(message[part.start : part.body])
    # an empty body may end where its delimiter begins; then a line break is needed between them
    following = message[part.end : part.end + 1]
    touches_delimiter = following not in (b"", b"\r", b"\n")
    end = b"\r\n" if touches_delimiter and not text.raw.endswith(b"\n") else b""
    return Edit(part.start, part.end, header + text.raw + end)


@dataclass(frozen=True, slots=True)
class _Text:
    """A text body: its octets in the message (`raw`), and the decoded ones (`body`).

    `charset` and `encoding` are the new ones; empty as long as those of the header are right.
    """

    part: Part
    raw: bytes
    body: bytes
    charset: str = ""
    encoding: str = ""

    @property
    def codec(self) -> str | None:
        """The name that Python has for the charset of the header; the default is US-ASCII
        (RFC 2046 §4.1.2)."""
        return codec_of(self.part.parameters.get("charset") or "us-ascii")

    @property
    def _flows(self) -> bool:
        flowed = self.part.parameters.get("format", "").lower() == "flowed"
        return flowed and self.part.type == PLAIN

    @property
    def _is_stateful(self) -> bool:
        """True where the same octets are ASCII or other characters, depending on the octets before
        them (RFC 1468)."""
        return (self.codec or "").startswith(_STATEFUL_CHARSETS)

    def with_text(self, added: AddedText, in_front: bool) -> _Text:
        """Return a copy with the text added. Raises LeftAlone."""
        html = self.part.type == HTML
        lines = added.as_html() if html else self._flowed(added.text)
        lines = "\r\n".join(_lines(_CONTROLS.sub(" ", lines).rstrip("\r\n"))) + "\r\n"
        octets = None if html and self._is_stateful else _encoded(lines, self.codec, html)
        if octets is not None:
            return self._with_octets(octets, in_front)
        text = self._in_utf8()
        if text is not None:
            return text._with_octets(lines.encode("utf-8"), in_front)
        if not _extends_ascii(self.codec) or (html and self._is_stateful):
            raise LeftAlone("a text is not in the charset that its header says")
        # the charset is unknown, or lacks some characters of the added text: they become "?"
        return self._with_octets(lines.encode(self.codec or "ascii", "replace"), in_front)

    def _flowed(self, text: str) -> str:
        lines = list(_lines(text.rstrip("\r\n")))
        if not self._flows:
            return "\r\n".join(lines)
        delete_space = self.part.parameters.get("delsp", "").lower() == "yes"
        return "\r\n".join(flow(lines, delete_space))

    def _in_utf8(self) -> _Text | None:
        """Return the same text in UTF-8, None where it is not in the charset of the header."""
        guess = _extends_ascii(self.codec) and not self._is_stateful
        for codec in (self.codec, "utf-8") if guess else (self.codec,):
            try:
                text = self.body.decode(codec or "utf-8")
            except UnicodeError:
                continue
            return _Text(self.part, self.raw, text.encode("utf-8"), "utf-8")
        return None

    def _with_octets(self, octets: bytes, in_front: bool) -> _Text:
        at = self._place(in_front)
        octets = self._line_breaks(at) + octets
        body = self.body[:at] + octets + self.body[at:]
        encoding = self._encoding(octets, body)
        raw = self._raw(octets, at, body, encoding)
        return _Text(self.part, raw, body, self.charset, encoding)

    def _place(self, in_front: bool) -> int:
        if self.part.type == PLAIN:
            return 0 if in_front else len(self.body)
        return place_in_front(self.body) if in_front else place_at_end(self.body)

    def _line_breaks(self, at: int) -> bytes:
        """Return the line breaks that a text at the offset `at` needs in front.

        The text must begin a line, and must not continue a flowed paragraph, which an empty line
        ends (RFC 3676 §4.1).
        """
        if not at:
            return b""
        before = self.body[:at]
        missing = b"" if before.endswith(b"\n") else b"\r\n"
        last = before.removesuffix(b"\n").removesuffix(b"\r").rpartition(b"\n")[2]
        flows = self._flows and last.endswith(b" ") and last != SIGNATURE.encode()
        return missing + b"\r\n" if flows else missing

    def _encoding(self, octets: bytes, body: bytes) -> str:
        """Return the transfer encoding for the new body: the old one if it can represent it."""
        old = self.part.encoding
        if old not in RAW:
            return old
        untouched = octets.isascii() and not self.charset
        eight_bit = old != "7bit" and not self.raw.isascii()
        fits = max(map(len, octets.split(b"\n"))) <= _LONGEST_LINE
        return old if fits and (untouched or eight_bit or body.isascii()) else _QUOTED_PRINTABLE

    def _raw(self, octets: bytes, at: int, body: bytes, encoding: str) -> bytes:
        """Return the encoded new body. A quoted-printable body keeps its octets where the text is
        added in front or at the end."""
        if self.charset or encoding != _QUOTED_PRINTABLE or self.part.encoding != _QUOTED_PRINTABLE:
            return encode(body, encoding)
        if at == len(self.body):
            return self.raw + _hard_end(self.raw) + encode_quoted_printable(octets)
        return encode(body, encoding) if at else encode_quoted_printable(octets) + self.raw

    def header(self, header: bytes) -> bytes:
        """Return the header of the part, with the empty line, for the new charset and encoding."""
        if self.charset:
            found = next(named(header, "Content-Type"), None)
            valid = found is not None and parse_value(found.value).main == self.part.type
            value = found.value.strip() if found is not None and valid else self.part.type.encode()
            header = replace(header, "Content-Type", with_parameter(value, "charset", self.charset))
        if self.encoding != self.part.encoding:
            header = replace(header, "Content-Transfer-Encoding", self.encoding)
        changed = self.charset or self.encoding != self.part.encoding
        if changed and not self.part.start and not values(header, "MIME-Version"):
            header = replace(header, "MIME-Version", "1.0")
        return header + _missing_line(header)


def _lines(text: str) -> Iterator[str]:
    yield from re.split(r"\r\n|\r|\n", text)


def _extends_ascii(codec: str | None) -> bool:
    """True for a charset in which ASCII text has its ASCII octets, and for an unknown charset."""
    try:
        return "</p>\r\n".encode(codec or "ascii") == b"</p>\r\n" and codec != "utf_7"
    except UnicodeError:
        return False


def _encoded(text: str, codec: str | None, html: bool) -> bytes | None:
    """Return the text in a charset, None where that lacks a character; HTML has references."""
    if not _extends_ascii(codec):
        return None
    try:
        return text.encode(codec or "ascii", "xmlcharrefreplace" if html else "strict")
    except UnicodeError:
        return None


def _hard_end(raw: bytes) -> bytes:
    """Return the octets that quoted-printable text needs at its end so that the octets behind it
    begin a line."""
    last = raw[-1000:].rpartition(b"\n")[2].rstrip(b" \t\r")
    return b"\r\n" if last.endswith(b"=") else b""


def _missing_line(header: bytes) -> bytes:
    """Return the line ends that a header section without a body lacks at its end."""
    if header.endswith((b"\n\r\n", b"\n\n")) or header in (b"\r\n", b"\n"):
        return b""
    return b"\r\n" if not header or header.endswith(b"\n") else b"\r\n\r\n"
