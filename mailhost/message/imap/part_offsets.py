"""The parts of a message as IMAP numbers them: types, offsets, sizes; also as octets for a cache.

From the cached octets sections are cut, and BODYSTRUCTURE is written, without parsing the message
again. Their form is text: `1`, the version, then a line for each part in order:

    DEPTH START BODY END LINES TYPE ENCODING [CHARSET|- [attachment]]

START, BODY and END are offsets in the message with CRLF line ends, as in `mime.structure.Part`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from mailhost.message.imap.reader import Searchable
from mailhost.message.mime.structure import Limits, Part, parse

# Parts that lie deeper are shown as one file; it can still be fetched.
LIMITS = Limits(depth=100, header=1 << 20, messages=True)
TEXT, FILE = "text/plain", "application/octet-stream"
MESSAGES = frozenset({"message/rfc822", "message/global"})  # RFC 9051 §9 media-message

_VERSION = b"1"
_NONE, _ATTACHED = "-", "attachment"
_TYPE = re.compile(r"[^/]+/[^/]+")
_NO_TOKEN = re.compile(r"[^!-~]+")


class BadOffsets(ValueError):
    """The octets are no part offsets of this version; the message must be parsed again."""


@dataclass(frozen=True, slots=True)
class BodyPart:
    """A part, or the message itself. Its header is [start, body) with the empty line, its body
    [body, end); `lines` are those of the body.

    `type`, `encoding` and `charset` are in lower case. A multipart has parts; a message/rfc822 or
    message/global has one, which is the message in it; all others have none. `is_attached`: its
    disposition is attachment.
    """

    start: int
    body: int
    end: int
    lines: int = 0
    type: str = TEXT
    encoding: str = "7bit"
    charset: str = ""
    is_attached: bool = False
    parts: tuple[BodyPart, ...] = ()

    @property
    def size(self) -> int:
        """Octets of the body."""
        return self.end - self.body

    @property
    def is_multipart(self) -> bool:
        return self.type.startswith("multipart/")

    @property
    def is_message(self) -> bool:
        """True for a message within a message."""
        return self.type in MESSAGES

    @property
    def is_text(self) -> bool:
        return self.type.startswith("text/")

    def walk(self) -> Iterator[BodyPart]:
        """Yield this part and all inside of it, each before its own."""
        waiting = [self]
        while waiting:
            part = waiting.pop()
            yield part
            waiting += reversed(part.parts)


def read_parts(octets: Searchable, limits: Limits = LIMITS) -> BodyPart:
    """Return the parts of a message. Raises OSError where reading it does, nothing else."""
    root = parse(octets, limits)
    return _converted(root, _lines_before(octets, root))


def _converted(part: Part, lines: dict[int, int]) -> BodyPart:
    kind = _NO_TOKEN.sub("", part.type)
    parts = part.parts if part.multipart or kind in MESSAGES else ()
    if not parts and kind.startswith("multipart/"):
        kind = TEXT  # the grammar has no multipart without parts (RFC 9051 §9)
    elif not parts and (kind in MESSAGES or not _TYPE.fullmatch(kind)):
        kind = FILE
    return BodyPart(
        part.start,
        part.body,
        part.end,
        lines[part.end] - lines[part.body],
        kind,
        _NO_TOKEN.sub("", part.encoding) or "7bit",
        _NO_TOKEN.sub("", part.parameters.get("charset", ""))[:60].lower(),
        part.disposition == "attachment",
        tuple([_converted(each, lines) for each in parts]),
    )


def _lines_before(octets: Searchable, root: Part) -> dict[int, int]:
    """How many lines end in front of each place where a body begins or ends: one pass, however deep
    the parts lie."""
    if not root.parts:
        return {root.body: 0, root.end: _count(octets, root.body, root.end)}
    places = sorted({place for _, part in root.walk() for place in (part.body, part.end)})
    found, at, count = dict[int, int](), root.body, 0
    for place in places:
        count += _count(octets, at, place)
        found[place] = count
        at = place
    return found


def _count(octets: Searchable, start: int, end: int) -> int:
    return octets.count(b"\n", start, end)


def encode_parts(root: BodyPart) -> bytes:
    """Return the parts as octets."""
    lines = [_VERSION]
    waiting = [(0, root)]
    while waiting:
        depth, part = waiting.pop()
        numbers = f"{depth} {part.start} {part.body} {part.end} {part.lines}"
        words = [numbers, part.type, part.encoding]
        if part.charset or part.is_attached:
            words.append(part.charset or _NONE)
        if part.is_attached:
            words.append(_ATTACHED)
        lines.append(" ".join(words).encode("ascii"))
        waiting += [(depth + 1, each) for each in reversed(part.parts)]
    return b"\n".join(lines)


def decode_parts(octets: bytes) -> BodyPart:
    """Return the parts that `encode_parts` wrote. Raises BadOffsets."""
    version, *lines = octets.split(b"\n")
    if version != _VERSION or not lines:
        raise BadOffsets(f"no part offsets: {octets[:40]!r}")
    waiting: list[tuple[int, BodyPart]] = []  # such as have no part around them yet, the last first
    try:
        for line in reversed(lines):
            depth, part = _decoded(line)
            inside = list[BodyPart]()
            while waiting and waiting[-1][0] == depth + 1:
                inside.append(waiting.pop()[1])
            waiting.append((depth, replace(part, parts=tuple(inside)) if inside else part))
    except (ValueError, IndexError) as error:
        raise BadOffsets(f"no part offsets: {octets[:40]!r}") from error
    if len(waiting) != 1 or waiting[0][0]:
        raise BadOffsets(f"no part offsets: {octets[:40]!r}")
    return waiting[0][1]


def _decoded(line: bytes) -> tuple[int, BodyPart]:
    depth, start, body, end, lines, kind, encoding, *more = line.decode("ascii").split(" ")
    charset = more[0] if more and more[0] != _NONE else ""
    numbers = int(start), int(body), int(end), int(lines)
    return int(depth), BodyPart(*numbers, kind, encoding, charset, _ATTACHED in more[1:])
