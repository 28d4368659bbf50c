"""Words added to a message's text: a footer, a disclaimer, a warning in front.

Each text body gets them in its own charset and transfer encoding, as far as these can say them; a
plain text whose charset cannot becomes UTF-8, HTML gets character references. A body that was 7bit
and needs more becomes quoted-printable, as does one that was ASCII: the message may be on a way
that is not 8BITMIME. Attachments and all other parts keep their octets.
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

LARGEST_TEXT = 5_000_000  # octets; nobody reads more, and it would take long
_LONGEST_LINE = 900  # octets that a line may have, far enough from 998
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_QUOTED = "quoted-printable"
# charsets in which `<` may be a half of a character
_SHIFTING = ("hz", "iso2022_")


@dataclass(frozen=True, slots=True)
class Words:
    """The text to add: lines of text, and the same as HTML. Without HTML the text is escaped."""

    text: str
    html: str = ""

    def as_html(self) -> str:
        """Return the HTML, made of the text if need be."""
        escaped = markup.escape(self.text.strip("\r\n"), quote=False)
        return self.html or "<p>" + "<br>\n".join(_lines(escaped)) + "</p>"


@dataclass(frozen=True, slots=True)
class Edited:
    """The message with the text in it, or None and the reason why it has to stay as it is."""

    message: bytes | None
    reason: str = ""


def append(message: bytes, explanation: Words, root: Part | None = None) -> Edited:
    """Add a text at the end of the message. `root` is the tree, where it was parsed already."""
    return _edited(message, explanation, root, in_front=False)


def prepend(message: bytes, explanation: Words, root: Part | None = None) -> Edited:
    """Add a text in front of the message."""
    return _edited(message, explanation, root, in_front=True)


def _edited(message: bytes, explanation: Words, root: Part | None, *, in_front: bool) -> Edited:
    try:
        bodies = text_bodies(root or parse(message))
        if not bodies:
            raise LeftAlone("it has no text")
        edits = [_edit(message, part, explanation, in_front) for part in bodies]
    except (LeftAlone, BadEncoding) as reason:
        return Edited(None, str(reason))
    return Edited(apply(message, edits))


def _edit(message: bytes, part: Part, explanation: Words, in_front: bool) -> Edit:
    if part.end - part.body > LARGEST_TEXT:
        raise LeftAlone(f"its text has more than {LARGEST_TEXT} octets")
    raw = message[part.body : part.end]
    body = decode_exactly(raw, part.encoding)
    refuse_inline_pgp(body, part.type == HTML)
    text = _Text(part, raw, body).with_words(explanation, in_front)
    header = text.header(message[part.start : part.body])
    # an empty body may lie at its delimiter's beginning; then a line break is wanted between
    bare = part.end < len(message) and message[part.end : part.end + 1] not in (b"\r", b"\n")
    end = b"\r\n" if bare and not text.raw.endswith(b"\n") else b""
    return Edit(part.start, part.end, header + text.raw + end)


@dataclass(frozen=True, slots=True)
class _Text:
    """A text body: as it is on the wire (`raw`), and decoded. `charset` and `encoding` are what
    it has become; empty as long as they are what the header says."""

    part: Part
    raw: bytes
    body: bytes
    charset: str = ""
    encoding: str = ""

    @property
    def codec(self) -> str | None:
        """Python's name for the charset that the header says; RFC 2046 §4.1.2 has a default."""
        return codec_of(self.part.parameters.get("charset") or "us-ascii")

    @property
    def _flows(self) -> bool:
        flowed = self.part.parameters.get("format", "").lower() == "flowed"
        return flowed and self.part.type == PLAIN

    @property
    def _shifts(self) -> bool:
        """True where the same octets stand for ASCII or for other characters (RFC 1468)."""
        return (self.codec or "").startswith(_SHIFTING)

    def with_words(self, explanation: Words, in_front: bool) -> _Text:
        """Return a copy with the text added."""
        html = self.part.type == HTML
        said = explanation.as_html() if html else self._flowed(explanation.text)
        said = "\r\n".join(_lines(_CONTROLS.sub(" ", said).rstrip("\r\n"))) + "\r\n"
        octets = None if html and self._shifts else _said(said, self.codec, html)
        if octets is not None:
            return self._with_octets(octets, in_front)
        text = self._in_utf8()
        if text is not None:
            return text._with_octets(said.encode("utf-8"), in_front)
        if not _extends_ascii(self.codec) or (html and self._shifts):
            raise LeftAlone("a text is not in the charset it should be")
        # the charset is unknown, or lacks some characters: the added text is changed, not the
        # message
        return self._with_octets(said.encode(self.codec or "ascii", "replace"), in_front)

    def _flowed(self, text: str) -> str:
        lines = list(_lines(text.rstrip("\r\n")))
        if not self._flows:
            return "\r\n".join(lines)
        delete_space = self.part.parameters.get("delsp", "").lower() == "yes"
        return "\r\n".join(flow(lines, delete_space))

    def _in_utf8(self) -> _Text | None:
        """The same in UTF-8, None where the text is not in the charset that the header says."""
        guess = _extends_ascii(self.codec) and not self._shifts
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
        """The octets that make a text at `at` begin a line, and one that does not flow on from the
        last (RFC 3676 §4.1): an empty line ends a flowed paragraph."""
        if not at:
            return b""
        before = self.body[:at]
        missing = b"" if before.endswith(b"\n") else b"\r\n"
        last = before.removesuffix(b"\n").removesuffix(b"\r").rpartition(b"\n")[2]
        flows = self._flows and last.endswith(b" ") and last != SIGNATURE.encode()
        return missing + b"\r\n" if flows else missing

    def _encoding(self, octets: bytes, body: bytes) -> str:
        """The transfer encoding for the new body: what it was, unless that cannot say it."""
        was = self.part.encoding
        if was not in RAW:
            return was
        untouched = octets.isascii() and not self.charset
        eight_bit = was != "7bit" and not self.raw.isascii()
        fits = max(map(len, octets.split(b"\n"))) <= _LONGEST_LINE
        return was if fits and (untouched or eight_bit or body.isascii()) else _QUOTED

    def _raw(self, octets: bytes, at: int, body: bytes, encoding: str) -> bytes:
        """The new body on the wire. Quoted-printable is kept where a text comes before or after."""
        if self.charset or encoding != _QUOTED or self.part.encoding != _QUOTED:
            return encode(body, encoding)
        if at == len(self.body):
            return self.raw + _hard_end(self.raw) + encode_quoted_printable(octets)
        return encode(body, encoding) if at else encode_quoted_printable(octets) + self.raw

    def header(self, header: bytes) -> bytes:
        """The part's header, with the empty line, that says what the body is now."""
        if self.charset:
            found = next(named(header, "Content-Type"), None)
            good = found is not None and parse_value(found.value).main == self.part.type
            value = found.value.strip() if found is not None and good else self.part.type.encode()
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
    """True where ASCII octets are ASCII text; an unknown charset is taken for such a one."""
    try:
        return "</p>\r\n".encode(codec or "ascii") == b"</p>\r\n" and codec != "utf_7"
    except UnicodeError:
        return False


def _said(text: str, codec: str | None, html: bool) -> bytes | None:
    """The text in a charset, None where that cannot say it. HTML always can."""
    if not _extends_ascii(codec):
        return None
    try:
        return text.encode(codec or "ascii", "xmlcharrefreplace" if html else "strict")
    except UnicodeError:
        return None


def _hard_end(raw: bytes) -> bytes:
    """The octets that quoted-printable needs at its end so that the next octets begin a line of
    their own."""
    last = raw[-1000:].rpartition(b"\n")[2].rstrip(b" \t\r")
    return b"\r\n" if last.endswith(b"=") else b""


def _missing_line(header: bytes) -> bytes:
    """The line ends that a header section lacks at its end to be one, where its body was missing
    too."""
    if header.endswith((b"\n\r\n", b"\n\n")) or header in (b"\r\n", b"\n"):
        return b""
    return b"\r\n" if not header or header.endswith(b"\n") else b"\r\n\r\n"
