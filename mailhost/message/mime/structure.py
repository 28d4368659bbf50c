"""The tree of a message's parts, by offsets (RFC 2046 §5.1). Nothing is copied, nothing decoded.

One pass over the message, with `bytes.find`: the time grows with its size, not with the depth of
its parts. Any octets give a tree; what is broken is read as most mail programs do:
a part without its closing delimiter ends where the part around it ends, a delimiter inside of a
header ends that header, a type that cannot be read is text/plain (RFC 2045 §5.2).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Protocol

from mailhost.message.header import named
from mailhost.message.mime.encodings import RAW, UU
from mailhost.message.mime.parameters import Value, parse_value

TEXT = "text/plain"
MESSAGES = frozenset({"message/rfc822", "message/global", "message/news"})
VALUE_LIMIT = 1 << 14  # octets of a field that are read
MOST_ALIKE = 10  # fields of one name that are compared
ENCODINGS = RAW | UU | {"base64", "quoted-printable"}
_TYPE = re.compile(r"[^/]+/[^/]+")
_COMPOSITE = ("multipart", "message/")
# RFC 2046 §5.1.1 has fewer of them, and 70; programs agree on these
_BOUNDARY = re.compile(rb"(?!')[!#-\[\]-~]([ !#-\[\]-~]{0,200}[!#-\[\]-~])?")
_BITS = re.compile(r"[78]-?bits?")


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a message, or the message itself.

    Its header is [start, body), with the empty line; its body [body, end), without the line break
    that belongs to the next delimiter. A multipart's body has its delimiters, preamble and
    epilogue too. `type`, `disposition` and `encoding` are in lower case; a disposition that is not
    given is empty. `names` are the file names it gives, decoded, the best first. `cut`: because of
    the limits it has parts that were not looked for, or fields that were not read to their end; or
    programs differ in what they read: it says something twice, its type has comments, a line only
    begins with its delimiter ...
    """

    start: int
    body: int
    end: int
    type: str = TEXT
    parameters: Mapping[str, str] = field(default_factory=dict)
    disposition: str = ""
    encoding: str = "7bit"
    names: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    cut: bool = False

    @property
    def name(self) -> str:
        """The file name, empty for none."""
        return self.names[0] if self.names else ""

    @property
    def whole(self) -> bool:
        """True where all that is in it was looked for."""
        return not any(part.cut for _, part in self.walk())

    @property
    def multipart(self) -> bool:
        """True for a composite of parts."""
        return self.type.startswith("multipart/")

    def walk(self) -> Iterator[tuple[tuple[int, ...], Part]]:
        """Yield this part and all inside of it, each before its own, with its path: (2, 1) is the
        first part of the second."""
        waiting: list[tuple[tuple[int, ...], Part]] = [((), self)]
        while waiting:
            path, part = waiting.pop()
            yield path, part
            inside = [((*path, number), each) for number, each in enumerate(part.parts, 1)]
            waiting += reversed(inside)


@dataclass(frozen=True, slots=True)
class Limits:
    """How far to look: parts within parts, parts altogether, lines that could be a delimiter,
    octets of content fields altogether, octets of a header that are searched for them. `messages`:
    also into those messages that are parts."""

    depth: int = 50
    parts: int = 10_000
    lines: int = 500_000
    fields: int = 1 << 21
    header: int = 1 << 40
    messages: bool = False


LIMITS = Limits()


class Octets(Protocol):
    """A message that is searched and cut as `bytes` are, without being in memory as a whole."""

    def __len__(self) -> int: ...

    def __getitem__(self, where: slice, /) -> bytes: ...

    def find(self, pattern: bytes, start: int = ..., end: int = ..., /) -> int: ...


def parse(message: Octets, limits: Limits = LIMITS) -> Part:
    """Return the tree of a message. Raises nothing but what reading `message` raises."""
    return _Reader(message, limits).read()


@dataclass(slots=True)
class _Open:
    """A part whose end was not seen yet. `delimiter` is empty for one that has no parts to come;
    `closed` is what it was, where an epilogue follows."""

    start: int
    body: int
    type: Value
    disposition: Value
    encoding: str
    delimiter: bytes = b""
    closed: bytes = b""
    epilogue: int = 0
    parts: list[Part] = field(default_factory=list)
    cut: bool = False

    def close(self, at: int) -> Part:
        """The part that ends at `at`, or later where what is in it ends later."""
        end = max(at, self.body, self.parts[-1].end if self.parts else 0)
        names = [*self.disposition.texts("filename"), *self.type.texts("name")]
        names += [*self.disposition.texts("name"), *self.type.texts("filename")]  # a few read these
        return Part(
            self.start,
            self.body,
            end,
            self.type.main,
            self.type.parameters,
            self.disposition.main,
            self.encoding,
            tuple(dict.fromkeys(name for name in names if name)),
            tuple(self.parts),
            self.cut,
        )


@dataclass(frozen=True, slots=True)
class _Delimiter:
    """A line that is a delimiter of the open part number `depth`."""

    start: int
    end: int
    depth: int
    closing: bool


class _Finder:
    """Where a pattern is found next. Asked for ever later places, it looks at each octet once."""

    def __init__(self, message: Octets, pattern: bytes) -> None:
        self._message = message
        self._pattern = pattern
        self._found = -1

    def after(self, start: int) -> int:
        if self._found < start:
            found = self._message.find(self._pattern, start)
            self._found = found if found >= 0 else len(self._message)
        return self._found


class _Reader:
    """One pass over a message. `_at` is where the next line begins that may be a delimiter."""

    def __init__(self, message: Octets, limits: Limits) -> None:
        self._message = message
        self._limits = limits
        self._dashes = _Finder(message, b"\n--")
        self._blanks = (_Finder(message, b"\n\r\n"), _Finder(message, b"\n\n"))
        self._open: list[_Open] = []
        self._delimiters: dict[bytes, list[int]] = {}  # who waits for it, the innermost last
        self._starts: tuple[bytes, ...] = ()  # all of them
        self._at = 0
        self._seen = 0  # parts
        self._lines = 0  # that could be a delimiter
        self._read = 0  # octets of fields
        self._doubts = 0  # fields that were not read to their end, or say two things

    def read(self) -> Part:
        self._begin(0)
        while self._delimiters:
            delimiter = self._delimiter(len(self._message))
            if delimiter is None:
                break
            self._cross(delimiter)
        self._close(1, len(self._message))
        self._judge_epilogue(self._open[0], len(self._message))
        return self._open[0].close(len(self._message))

    def _cross(self, delimiter: _Delimiter) -> None:
        """Go over a delimiter: it ends what is inside of its multipart, and may begin a part."""
        self._close(delimiter.depth + 1, self._before_line_break(delimiter.start))
        self._at = delimiter.end
        if delimiter.closing:
            self._end_of_parts(self._open[delimiter.depth], delimiter.end)
        elif self._seen < self._limits.parts:
            self._begin(delimiter.end)
        else:
            self._cut()

    def _end_of_parts(self, part: _Open, at: int) -> None:
        """The octets that follow are the epilogue."""
        closed = part.delimiter
        self._forget(part)
        if closed not in self._delimiters:
            part.closed, part.epilogue = closed, at

    def _judge_epilogue(self, part: _Open, end: int) -> None:
        """Nothing in an epilogue is a part; some programs go on with one at a delimiter."""
        at = self._message.find(b"\n" + part.closed, part.epilogue - 1, end) if part.closed else -1
        while at >= 0 and not part.cut:
            line_end = self._message.find(b"\n", at + 1)
            line = self._message[at + 1 : line_end if line_end >= 0 else end]
            self._lines += 1
            part.cut = self._lines > self._limits.lines or line.rstrip(b" \t\r") == part.closed
            at = self._message.find(b"\n" + part.closed, at + 1, end)

    def _cut(self) -> None:
        """Look for no more parts."""
        for part in self._open:
            part.cut = True
        self._delimiters.clear()

    def _begin(self, start: int) -> None:
        """Read a part's header, and the header of the message in it where that is wanted."""
        part = self._header(start)
        while self._enters(part):
            part = self._header(part.body)

    def _header(self, start: int) -> _Open:
        end = self._header_end(start)
        delimiter = self._delimiter(end) if self._delimiters else None
        part = self._part(start, delimiter.start if delimiter else end)
        self._open.append(part)
        self._at = part.body
        self._seen += 1
        if part.type.main.startswith("multipart/") and delimiter is None:
            self._expect(part)
        return part

    def _part(self, start: int, body: int) -> _Open:
        header = self._message[start : min(body, start + self._limits.header)]
        doubts = self._doubts
        kind = self._value(header, "content-type")
        disposition = self._value(header, "content-disposition")
        encoding = self._value(header, "content-transfer-encoding")
        if not kind.main and self._open and self._open[-1].type.main == "multipart/digest":
            kind = replace(kind, main="message/rfc822", loose="message/rfc822")
        kind, clear = _clear_type(kind)
        clear &= bool(kind.loose) or not kind.texts("boundary")
        is_text = _is_text(kind) and not disposition.texts("filename")
        self._doubts += not clear or kind.doubtful or disposition.doubtful
        self._doubts += not is_text and not _is_clear_encoding(encoding)
        cut = self._doubts > doubts
        return _Open(start, body, kind, disposition, _encoding(encoding), cut=cut)

    def _value(self, header: bytes, name: str) -> Value:
        """The first field of that name, as far as the limits let us read."""
        found = list(islice(named(header, name), MOST_ALIKE))
        values = [self._parsed(each) for each in dict.fromkeys(each.value for each in found)]
        differ = any(value != values[0] for value in values)
        if len(found) == MOST_ALIKE or (differ and not all(map(_is_text, values))):
            self._doubts += 1
        return values[0] if values else Value("")

    def _parsed(self, value: bytes) -> Value:
        octets = value[: min(VALUE_LIMIT, self._limits.fields - self._read)]
        self._read += len(octets)
        self._doubts += len(octets) < len(value)
        return parse_value(octets)

    def _expect(self, part: _Open) -> None:
        """Wait for the delimiters of a multipart."""
        given = [each for each in part.type.given if each.name == "boundary"]
        boundary = given[0].octets.rstrip(b" \t") if given else b""
        part.cut |= part.type.commented or any(each.extended for each in given)
        part.cut |= len({each.octets for each in given}) > 1
        if len(self._open) > self._limits.depth:
            part.cut = True
        elif boundary:
            part.cut |= not _BOUNDARY.fullmatch(boundary) or b"=?" in boundary
            part.delimiter = b"--" + boundary
            self._delimiters.setdefault(part.delimiter, []).append(len(self._open) - 1)
            self._starts = tuple(self._delimiters)
        elif self._dashes.after(max(part.body - 1, 0)) < len(self._message):
            part.cut = True  # some programs guess

    def _forget(self, part: _Open) -> None:
        if part.delimiter and self._delimiters:
            waiting = self._delimiters[part.delimiter]
            waiting.pop()
            if not waiting:
                del self._delimiters[part.delimiter]
                self._starts = tuple(self._delimiters)
            part.delimiter = b""

    def _enters(self, part: _Open) -> bool:
        if not self._limits.messages or part.type.main not in MESSAGES:
            return False
        if part.encoding not in ("7bit", "8bit", "binary"):
            return False
        if len(self._open) > self._limits.depth or self._seen >= self._limits.parts:
            part.cut = True
            return False
        return True

    def _close(self, depth: int, at: int) -> None:
        """End the innermost parts until `depth` are open."""
        while len(self._open) > depth:
            part = self._open.pop()
            self._forget(part)
            self._judge_epilogue(part, at)
            self._open[-1].parts.append(part.close(at))

    def _delimiter(self, before: int) -> _Delimiter | None:
        """Find the next delimiter that begins before `before`; other lines are not seen again.

        The whole line must be it, but for blanks at its end: so "--a" does not end "--ab". Some
        programs take a line that only begins so (RFC 2046 §5.1.1 allows that).
        """
        while (start := self._dashes.after(max(self._at - 1, 0)) + 1) < before:
            found = self._message.find(b"\n", start)
            end = found + 1 if found >= 0 else len(self._message)
            line = self._message[start:end].rstrip(b" \t\r\n")
            self._lines += 1
            if self._lines > self._limits.lines:
                self._cut()
                return None
            closing = line not in self._delimiters
            name = line[:-2] if closing else line
            waiting = self._delimiters.get(name)
            if line.startswith(self._starts):
                self._doubt(line, name if line.endswith(b"--") or not closing else line)
            if waiting and (not closing or line.endswith(b"--")):
                self._at = start
                return _Delimiter(start, end, waiting[-1], closing)
            self._at = end
        return None

    def _doubt(self, line: bytes, name: bytes) -> None:
        """Mark the multiparts whose delimiter the line begins with, other than `name`."""
        for delimiter, waiting in self._delimiters.items():
            if delimiter != name and line.startswith(delimiter):
                self._open[waiting[-1]].cut = True

    def _header_end(self, start: int) -> int:
        """Where the body begins: after the first empty line."""
        if start == 0 and self._message[:2].startswith((b"\r\n", b"\n")):
            return self._message.find(b"\n") + 1
        crlf, lf = (finder.after(max(start - 1, 0)) for finder in self._blanks)
        return min(crlf + 3, lf + 2, len(self._message))

    def _before_line_break(self, at: int) -> int:
        """The line break before a delimiter is a part of it."""
        return at - 2 if self._message[at - 2 : at - 1] == b"\r" else at - 1


def _clear_type(value: Value) -> tuple[Value, bool]:
    """The value with the type that hides most, and True where all programs read the same, or a
    text."""
    if value.main == value.loose and _TYPE.fullmatch(value.main):
        return value, True
    found = [value.main, value.loose] if value.loose else [value.main]
    found = [TEXT if each in ("", "text") else each for each in found]
    kind = next((each for each in found if each.startswith(_COMPOSITE)), found[0])
    clear = all(_TYPE.fullmatch(each) for each in found) and (
        len(set(found)) == 1 or all(each.startswith("text/") for each in found)
    )
    if not _TYPE.fullmatch(kind):
        kind = "multipart/mixed" if kind.startswith("multipart") else TEXT
    return replace(value, main=kind), clear


def _encoding(value: Value) -> str:
    return next(
        (each for each in (value.main, value.loose) if each in ENCODINGS), value.main or "7bit"
    )


def _is_clear_encoding(value: Value) -> bool:
    known = not value.main or value.main in ENCODINGS or _BITS.fullmatch(value.main)
    return bool(known) and value.main == value.loose


def _is_text(kind: Value) -> bool:
    """True for a text that is no file: read as another kind of text it hides nothing."""
    return kind.main.startswith("text/") and not kind.texts("name")
