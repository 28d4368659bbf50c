"""Where a text can be put into HTML so that they are shown: in front of all else, or at the end.

A small scanner that follows the tokenizer of the HTML standard (§13.2.5) as far as this needs it:
tags with their attributes, comments, elements whose content is no markup (script, style, title
...). So no place is inside of a tag, an attribute, a comment or such an element, also in broken
HTML. It does not build a tree: what style sheets hide is not known, and SVG and MathML are read as
HTML. The time is linear. The standard library's parser is not used, since its answers to broken
HTML change between patch releases of Python.

The octets must be in a charset in which `<`, `>` and quotes stand for nothing else.
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
# what may stand in front of a body's content without being shown
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
    """A piece of HTML. `name` is a tag's, in lower case."""

    kind: _Kind
    start: int
    end: int
    name: bytes = b""


def place_in_front(html: bytes) -> int:
    """Return the offset in front of all that is shown: after `<body>`, where that comes first."""
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
    """Return the offset after all that is shown: before the end tags of body and html, where
    nothing follows them, and before a tag, comment or raw element that has no end."""
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
    """True for what begins, or goes on with, the content of the body."""
    if token.kind is _Kind.TEXT:
        return not html[token.start : token.end].isspace()
    return token.kind is _Kind.START


def _tokens(html: bytes) -> Iterator[_Token]:
    """Yield the pieces in order, each beginning where the last ended; what has no end is left
    out, with all behind it: readers do not show it."""
    at = 0
    while at < len(html):
        token = _text(html, at) or _markup(html, at)
        if token is None:
            return
        yield token
        at = token.end


def _text(html: bytes, start: int) -> _Token | None:
    """The text at `start`, None where markup begins there."""
    at = html.find(b"<", start)
    while at >= 0 and not _begins_markup(html, at):
        at = html.find(b"<", at + 1)
    end = at if at >= 0 else len(html)
    return _Token(_Kind.TEXT, start, end) if end > start else None


def _begins_markup(html: bytes, at: int) -> bool:
    """True for a `<` that is no text; `</` at the very end is not text either, since with a text
    behind it that would become a comment."""
    following = html[at + 1 : at + 2]
    return following in (b"/", b"!", b"?") or (following.isalpha() and following.isascii())


def _markup(html: bytes, start: int) -> _Token | None:
    """The tag or comment at `start`, None for one without an end."""
    tag = _TAG.match(html, start)
    if tag is None:
        return _declaration(html, start)
    name, end = tag[1].lower(), _tag_end(html, tag.end())
    is_end = html.startswith(b"</", start)
    if end >= 0 and not is_end:
        end = _raw_end(html, end, name)
    return _Token(_Kind.END if is_end else _Kind.START, start, end, name) if end >= 0 else None


def _declaration(html: bytes, start: int) -> _Token | None:
    """A comment, a document type, or what the standard takes for a comment."""
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
    """Return where the tag ends whose name ends at `at`, -1 where it never does. A `>` in a quoted
    value ends no tag; quotes elsewhere are part of a name or a value (§13.2.5.32 to 39)."""
    named = False  # an attribute's name ends at `at`
    while True:
        run = at
        at = _UNTIL_VALUE.match(html, run).end()  # type: ignore[union-attr]  # it may be empty
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
    """Return where the value ends whose `=` is at `at`, -1 for a quote without its end."""
    value = _VALUE.match(html, at)
    assert value is not None
    if value[1] is None:
        return value.end()
    end = html.find(value[1], value.end())
    return end + 1 if end >= 0 else -1


def _raw_end(html: bytes, at: int, name: bytes) -> int:
    """Return where the element ends whose start tag ends at `at`: there, unless its content is no
    markup; -1 where that has no end."""
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
    """Return where the name of a script's end tag ends: a script within a comment within the
    script does not end it (§13.2.5.15 to 31). -1 for none."""
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
