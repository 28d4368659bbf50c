"""The texts of a message as SEARCH compares them, and the comparison (RFC 9051 §6.4.4).

Texts are decoded: encoded words, transfer encodings, charsets. They come in slices, so that a
caller can pause between two of them; a slice takes a few milliseconds at most. A text part is
searched as it is written; HTML also without its tags, so that a phrase is found in whatever way it
is marked up.

Two texts are compared in NFKC with case folded: a simple form of i;unicode-casemap (RFC 5051).
Ligatures and full-width letters are found by their plain forms, `e` does not find `é`. Line breaks
and blanks are compared as they are.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from html import unescape

from mailhost.message.header import raw_fields
from mailhost.message.imap.decoding import decoded, texts
from mailhost.message.imap.part_offsets import BodyPart
from mailhost.message.imap.reader import Reader
from mailhost.message.imap.strings import text_of
from mailhost.message.mime.encoded_words import decode_words

HEADER_LIMIT = 1 << 20  # octets of a header that are searched
FIELD_LIMIT = 1 << 16  # octets of a field that are searched
SLICE = 1 << 14  # characters of a slice
_LONGEST_TAG = 1 << 12  # characters
_TAG = re.compile(r"<[^<>]*>")
_FOLD = re.compile(rb"\r?\n")


def fold(text: str) -> str:
    """Return the form in which texts are compared."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


class Matcher:
    """Looks for a string in one text, which comes in slices."""

    def __init__(self, needle: str) -> None:
        self._needle = fold(needle)
        self._kept = 4 * len(self._needle)  # characters; folded they may be fewer
        self._last = ""

    def feed(self, text: str) -> bool:
        """Take the next slice. True where the string ends in it; an empty string is found at
        once."""
        text = self._last + text
        self._last = text[-self._kept :] if self._kept else ""
        return self._needle in fold(text)


def search(found: Iterable[Iterable[str]], needle: str) -> Iterator[bool]:
    """Yield False for each slice of the texts, and True at the one in which the string was found,
    which is the last. `any(search(...))` is the answer for those who need no pause. Raises
    OSError."""
    for text in found:
        matcher = Matcher(needle)
        for piece in text:
            if matcher.feed(piece):
                yield True
                return
            yield False


def decoded_value(value: bytes) -> str:
    """Return a raw value unfolded, its encoded words decoded. Octets above 127 are UTF-8 where they
    can be, otherwise Latin-1."""
    value = value[:FIELD_LIMIT]
    text = text_of((_FOLD.sub(b"", value) if b"\n" in value else value).strip())
    return decode_words(text) if "=?" in text else text


def header_text(header: bytes) -> Iterator[str]:
    """Yield a header section in slices."""
    lines = list[str]()
    length = 0
    for name, value, _ in raw_fields(header):
        lines.append(f"{name.decode('ascii')}: {decoded_value(value)}\n")
        length += len(lines[-1])
        if length > SLICE:
            yield from _sliced("".join(lines))
            lines, length = [], 0
    yield from _sliced("".join(lines))


def _sliced(text: str) -> Iterator[str]:
    yield from (text[at : at + SLICE] for at in range(0, len(text), SLICE))


def body_texts(reader: Reader, root: BodyPart) -> Iterator[Iterator[str]]:
    """Yield the texts that BODY looks at: all text parts, and the headers of messages within. They
    are read while they are iterated, which raises OSError."""
    for part in root.walk():
        if part.is_message:
            yield _read_header(reader, part.parts[0])
        elif part.is_text:
            yield _text(reader, part)
            if part.type == "text/html":
                yield _without_tags(_text(reader, part))


def all_texts(reader: Reader, root: BodyPart) -> Iterator[Iterator[str]]:
    """Yield the texts that TEXT looks at: the headers of the message and of its parts, and what
    BODY looks at."""
    within = {part.parts[0].start for part in root.walk() if part.is_message}
    for part in root.walk():
        if part.start not in within:
            yield _read_header(reader, part)
    yield from body_texts(reader, root)


def _read_header(reader: Reader, part: BodyPart) -> Iterator[str]:
    size = min(part.body - part.start, HEADER_LIMIT)
    return header_text(reader.read(part.start, size))


def _text(reader: Reader, part: BodyPart) -> Iterator[str]:
    return texts(decoded(reader, part, block=SLICE), part.charset)


def _without_tags(slices: Iterable[str]) -> Iterator[str]:
    """HTML without tags, its references replaced; comments and scripts stay."""
    rest = ""
    for text in slices:
        text = rest + text
        at = text.rfind("<")
        is_open = at > text.rfind(">") and len(text) - at <= _LONGEST_TAG
        rest = text[at:] if is_open else ""
        yield unescape(_TAG.sub("", text[:at] if is_open else text))
    yield unescape(_TAG.sub("", rest))
