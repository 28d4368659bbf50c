"""Adds, replaces and removes the fields of a header section by offset (RFC 5322 §2.2).

Each function takes a whole message or its header section alone, and returns the same with the edit
made. So a large body need not be read: a new header section goes in front of `Content.slice`.
An invalid field name raises BadField. Control characters in values become blanks, so that no value
can end its field. A value that is text is encoded where it is not ASCII (RFC 2047), unless `utf8`
says that the message is sent with SMTPUTF8. A value that is bytes is encoded already, and may be
folded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mailhost.message.header import named
from mailhost.message.mime.edits import Edit, apply
from mailhost.message.mime.encoded_words import decode_words, encode_words

RECOMMENDED_LINE = 78  # octets that a line should have at most, RFC 5322 §2.1.1
_LONGEST_WORD = 900  # characters of a word that is not encoded; a line may have 998 octets
_NAME = re.compile(r"[!-9;-~]{1,70}")
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
# in a value that is bytes: control characters and line ends, but not folds
_RAW_CONTROLS = re.compile(rb"\r\n(?![ \t])|\r(?!\n)|(?<!\r)\n|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_HEADER_END = re.compile(rb"(?:\A|\n)(?=\r?\n)")
_TOKEN = re.compile(rb"[ \t]+[^ \t]+")


class BadField(ValueError):
    """The name is no valid field name."""


def header_end(message: bytes) -> int:
    """Return the offset of the empty line behind the fields, or the size of the message."""
    match = _HEADER_END.search(message)
    return match.end() if match else len(message)


def header_of(message: bytes) -> bytes:
    """Return the header section without the empty line."""
    return message[: header_end(message)]


def add(message: bytes, name: str, value: str | bytes, *, utf8: bool = False) -> bytes:
    """Return the message with a field in front. Raises BadField."""
    return field(name, value, utf8=utf8) + message


def replace(message: bytes, name: str, value: str | bytes, *, utf8: bool = False) -> bytes:
    """Return the message with a field in the place of all fields of that name.

    The field takes the place of the first of them. Without such a field it goes behind all other
    fields, so that the trace fields remain on top. Raises BadField.
    """
    written = field(name, value, utf8=utf8)
    header = header_of(message)
    found = list(named(header, name))
    if not found:
        end = len(header)
        line_break = b"\r\n" if header and not header.endswith(b"\n") else b""
        return apply(message, [Edit(end, end, line_break + written)])
    edits = [Edit(found[0].start, found[0].end, written)]
    return apply(message, [*edits, *(Edit(each.start, each.end, b"") for each in found[1:])])


def remove(message: bytes, name: str) -> bytes:
    """Return the message without the fields of that name. Raises BadField."""
    found = named(header_of(message), _checked(name))
    return apply(message, [Edit(each.start, each.end, b"") for each in found])


def tag_subject(message: bytes, tag: str, *, utf8: bool = False) -> bytes:
    """Return the message with a tag such as "[LIST]" in front of the value of its first Subject.

    A blank follows the tag. Where the decoded subject contains the tag in any case of letters (such
    as "Re: [LIST] x"), the same object is returned. The present value keeps its octets. A message
    without a Subject field gets one.
    """
    found = next(named(header_of(message), "Subject"), None)
    if found is None:
        return add(message, "Subject", tag, utf8=utf8)
    if tag.casefold() in decode_words(unfold(found.value)).casefold():
        return message
    rest = found.value.lstrip(b" \t")
    start = message.index(b":", found.start) + 1
    written = b" " + _tag(tag, rest, utf8) + _before(rest, len("Subject: ") + len(tag.encode()))
    return apply(message, [Edit(start, start + len(found.value) - len(rest), written)])


def _before(rest: bytes, used: int) -> bytes:
    """Return the blank or fold between the `used` octets of a line and the rest of the value."""
    if not rest.strip() or rest.startswith((b"\r", b"\n")):
        return b""
    return b" " if used + 1 + len(rest.split(b"\n")[0].rstrip()) <= RECOMMENDED_LINE else b"\r\n "


def _tag(tag: str, rest: bytes, utf8: bool) -> bytes:
    """Return the encoded tag. Programs ignore a blank between two encoded words (RFC 2047 §6.2), so
    in front of an encoded word the blank is encoded with the tag."""
    if tag.isascii() or utf8:
        return fold(b"", _clean(tag, utf8)).strip()
    blank = " " if rest.startswith(b"=?") else ""
    return b" ".join(word.encode("ascii") for word in encode_words(_one_line(tag) + blank))


def unfold(value: bytes) -> str:
    """Return a raw value as one line, without the blanks around it and without decoding."""
    return re.sub(rb"\r?\n", b"", value).strip().decode("utf-8", "replace")


def field(name: str, value: str | bytes, *, utf8: bool = False) -> bytes:
    """Return a whole field, folded, with its CRLF. Raises BadField."""
    start = _checked(name).encode("ascii") + b":"
    if isinstance(value, str):
        return fold(start, _clean(value, utf8)) + b"\r\n"
    octets = _RAW_CONTROLS.sub(b" ", value).strip()
    return (start + b" " + octets if b"\n" in octets else fold(start, octets)) + b"\r\n"


def fold(start: bytes, value: bytes) -> bytes:
    """Return `start` and the value, folded at blanks so that lines have at most RECOMMENDED_LINE
    octets, as far as the words allow that (RFC 5322 §2.2.3)."""
    lines, line = list[bytes](), start
    for token in _TOKEN.findall(b" " + value.strip(b" \t")):
        if len(line) + len(token) > RECOMMENDED_LINE and line.strip() and line is not start:
            lines.append(line)
            line = token
        else:
            line = line + token
    return b"\r\n".join([*lines, line])


def encode(text: str) -> str:
    """Return a value in ASCII.

    Words that are not ASCII, and words that are too long for a line, become encoded words (RFC
    2047). Other words, such as addresses, are unchanged. Several blanks become one.
    """
    return " ".join(_text(_one_line(text)))


def _text(text: str) -> Iterator[str]:
    together = list[str]()  # adjacent words are encoded with their blanks, which are lost otherwise
    for word in text.split(" "):
        if word.isascii() and len(word) <= _LONGEST_WORD and "=?" not in word:
            yield from _encoded(together)
            together = []
            yield word
        else:
            together.append(word)
    yield from _encoded(together)


def _encoded(text: list[str]) -> list[str]:
    return encode_words(" ".join(text)) if text else []


def _clean(text: str, utf8: bool) -> bytes:
    return (_one_line(text) if utf8 else encode(text)).encode("utf-8")


def _one_line(text: str) -> str:
    return re.sub(r"[ \t]+", " ", _CONTROLS.sub(" ", text)).strip(" ")


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise BadField(f"{name[:80]!r} is no valid field name")
    return name
