"""Finds the offset in HTML at which an added text is shown in front of, or behind, the content.

A small scanner that follows the tokenizer of the HTML standard (§13.2.5) as far as is needed here:
tags with their attributes, comments, elements whose content is no markup (script, style, title
...). So no offset is inside of a tag, an attribute, a comment or such an element, also in broken
HTML. The scanner builds no tree: it does not know what style sheets hide, and reads SVG and MathML
as HTML. The time is linear. The parser of the standard library is not used, because its results
for broken HTML change between patch releases of Python.

The octets must be in a charset in which the octets of `<`, `>` and quotes are only these.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

_SPACE = b" \t\n\f\r"
_TAG = re.compile(rb"</?([a-zA-Z][^ \t\n\f\r/>]*)")
_COMMENT_END = re.compile(rb"--!?>")
_VALUE = re.compile(rb"=[ \t\n\f\r]*(?:([\"'])|[^ \t\n\f\r>]*)")
_UNTIL_VALUE = re.compile(rb"[^=>]*")
_SCRIPT = re.compile(rb"<!--(?!-?>)|-->|</?script(?=[ \t\n\f\r/>])", re.IGNORECASE)
_RAW_ELEMENTS = frozenset(
    (b"iframe", b"noembed", b"noframes", b"style", b"textarea", b"title", b"xmp")
)
_RAW_ENDS = {
    name: re.compile(rb"</" + name + rb"(?=[ \t\n\f\r/>])", re.IGNORECASE) for name in _RAW_ELEMENTS
}
# elements that may be in front of the content of the body and are not shown
_HEAD = frozenset(b"base basefont bgsound head html link meta noframes script style title".split())
_INERT = frozenset((b"noscript", b"template"))
_ENDS = frozenset((b"body", b"html"))


class _Kind(Enum):
    TEXT = auto()
    START = auto()  # a start tag; for a raw element with its content and end tag
    END = auto()
    COMMENT = auto()
    DOCTYPE = auto()


@dataclass(frozen=True, slots=True)
class _Token:
    """A piece of HTML. `name` is that of a tag, in lower case, otherwise empty."""

    kind: _Kind
    start: int
    end: int
    name: bytes = b""


def place_in_front(html: bytes) -> int:
    """Return the offset in front of the content that is shown, and behind `<body>` if that is in
    front of the content."""
    place = inert = 0
    for token in _tokens(html):
        if token.kind is _Kind.START and token.name == b"body" and not inert:
            return token.end
        if token.name in _INERT:
            inert = max(0, inert + (1 if token.kind is _Kind.START else -1))
            place = place if inert else token.end
        elif token.kind is _Kind.DOCTYPE or token.name in _HEAD:
            place = place if inert else token.end
        elif not inert and _is_shown(html, token):
            break
    return place


def place_at_end(html: bytes) -> int:
    """Return the offset behind the content that is shown.

    That is in front of the end tags of body and html where no content follows them, and in front of
    a tag, comment or raw element that has no end.
    """
    ends: int | None = None
    end = 0
    for token in _tokens(html):
        end = token.end
        if token.kind is _Kind.END and token.name in _ENDS:
            ends = token.start if ends is None else ends
        elif _is_shown(html, token):
            ends = None
    return end if ends is None else ends


def _is_shown(html: bytes, token: _Token) -> bool:
    """True for a token that begins or continues the content of the body."""
    if token.kind is _Kind.TEXT:
        return not html[token.start : token.end].isspace()
    return token.kind is _Kind.START


def _tokens(html: bytes) -> Iterator[_Token]:
    """Yield the tokens in order, each beginning where the last one ended.

    The last token is in front of a piece that has no end, because browsers do not show that piece.
    """
    at = 0
    while at < len(html):
        token = _text(html, at) or _markup(html, at)
        if token is None:
            return
        yield token
        at = token.end


def _text(html: bytes, start: int) -> _Token | None:
    """Return the text at `start`, None where markup begins there."""
    at = html.find(b"<", start)
    while at >= 0 and not _begins_markup(html, at):
        at = html.find(b"<", at + 1)
    end = at if at >= 0 else len(html)
    return _Token(_Kind.TEXT, start, end) if end > start else None


def _begins_markup(html: bytes, at: int) -> bool:
    """True for a `<` that is no text. `</` at the end of the HTML is no text either, since with an
    added text behind it that would be a comment."""
    following = html[at + 1 : at + 2]
    return following in (b"/", b"!", b"?") or (following.isalpha() and following.isascii())


def _markup(html: bytes, start: int) -> _Token | None:
    """Return the tag or comment at `start`, None where it has no end."""
    tag = _TAG.match(html, start)
    if tag is None:
        return _declaration(html, start)
    name, end = tag[1].lower(), _tag_end(html, tag.end())
    is_end = html.startswith(b"</", start)
    if end >= 0 and not is_end:
        end = _raw_end(html, end, name)
    return _Token(_Kind.END if is_end else _Kind.START, start, end, name) if end >= 0 else None


def _declaration(html: bytes, start: int) -> _Token | None:
    """Return the comment or document type at `start`, or the piece that the standard reads as a
    comment; None where it has no end."""
    if html.startswith(b"<!--", start):
        found = _COMMENT_END.search(html, start + 4)
        # `<!-->` and `<!--->` are whole comments
        short = next((each for each in (b"<!-->", b"<!--->") if html.startswith(each, start)), b"")
        end = start + len(short) if short else found.end() if found else -1
        return _Token(_Kind.COMMENT, start, end) if end >= 0 else None
    end = html.find(b">", start) + 1
    doctype = html[start : start + 9].lower() == b"<!doctype"
    return _Token(_Kind.DOCTYPE if doctype else _Kind.COMMENT, start, end) if end else None


def _tag_end(html: bytes, at: int) -> int:
    """Return where the tag ends whose name ends at `at`, -1 where it has no end.

    A `>` in a quoted value ends no tag; quotes elsewhere are part of a name or a value (§13.2.5.32
    to 39).
    """
    named = False  # the name of an attribute ends at `at`
    while True:
        run = at
        at = _UNTIL_VALUE.match(html, run).end()  # type: ignore[union-attr]  # always matches
        if at >= len(html):
            return -1
        if html[at : at + 1] == b">":
            return at + 1
        before = html[run:at].rstrip(_SPACE)
        if before.endswith(b"/") or not (before or named):
            named, at = True, at + 1  # the first `=` begins a name
            continue
        named, at = False, _value_end(html, at)
        if at < 0:
            return -1


def _value_end(html: bytes, at: int) -> int:
    """Return where the value ends whose `=` is at `at`, -1 for a quoted value without its end."""
    value = _VALUE.match(html, at)
    assert value is not None
    if value[1] is None:
        return value.end()
    end = html.find(value[1], value.end())
    return end + 1 if end >= 0 else -1


def _raw_end(html: bytes, at: int, name: bytes) -> int:
    """Return where the raw element ends whose start tag ends at `at`, -1 where it has no end.

    For an element whose content is markup that is `at` itself.
    """
    if name == b"plaintext":
        return -1
    if name == b"script":
        end = _script_end(html, at)
    elif name in _RAW_ELEMENTS:
        found = _RAW_ENDS[name].search(html, at)
        end = found.end() if found else -1
    else:
        return at
    return _tag_end(html, end) if end >= 0 else -1


def _script_end(html: bytes, at: int) -> int:
    """Return where the name of the end tag of a script ends, -1 for none.

    The end tag of a script inside of a comment inside of the script does not count (§13.2.5.15 to
    31).
    """
    escaped = double = False
    for found in _SCRIPT.finditer(html, at):
        mark = found[0].lower()
        if mark == b"<!--":
            escaped = True
        elif mark == b"-->":
            escaped = double = False
        elif mark == b"<script":
            double = escaped
        elif not double:
            return found.end()
        else:
            double = False
    return -1
