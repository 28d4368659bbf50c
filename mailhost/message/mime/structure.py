"""The tree of the parts of a message, by offsets (RFC 2046 §5.1). No body is copied or decoded.

`parse` makes one pass over the message, with `bytes.find`: the time grows with the size of the
message, not with the depth of its parts. Any octets give a tree. Broken messages are read as most
mail programs read them: a part without its closing delimiter ends where the part around it ends, a
delimiter inside of a header section ends that section, an unreadable type is text/plain (RFC 2045
§5.2).
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
# RFC 2046 §5.1.1 allows fewer characters, and at most 70; all programs read these boundaries alike
_BOUNDARY = re.compile(rb"(?!')[!#-\[\]-~]([ !#-\[\]-~]{0,200}[!#-\[\]-~])?")
_BITS = re.compile(r"[78]-?bits?")


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a message, or the message itself.

    Its header section, with the empty line, is [start, body). Its body is [body, end), without the
    line break that belongs to the next delimiter; the body of a multipart includes its delimiters,
    preamble and epilogue. `type`, `disposition` and `encoding` are in lower case; `disposition` is
    empty where the part has none. `names` are its decoded file names, the most usual first.

    `cut` means that the tree may differ from that of a mail program. Either the limits stopped the
    search for parts, or the reading of a field; or programs read the part in different ways: it has
    a field twice, its type has comments, a line only begins with its delimiter ...
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
        """The first of the file names, empty for none."""
        return self.names[0] if self.names else ""

    @property
    def whole(self) -> bool:
        """True where neither this part nor a part in it is `cut`."""
        return not any(part.cut for _, part in self.walk())

    @property
    def multipart(self) -> bool:
        """True for the types multipart/*."""
        return self.type.startswith("multipart/")

    def walk(self) -> Iterator[tuple[tuple[int, ...], Part]]:
        """Yield this part and all parts in it, each with its path and in front of its own parts.

        The path (2, 1) is that of the first part in the second part.
        """
        waiting: list[tuple[tuple[int, ...], Part]] = [((), self)]
        while waiting:
            path, part = waiting.pop()
            yield path, part
            inside = [((*path, number), each) for number, each in enumerate(part.parts, 1)]
            waiting += reversed(inside)


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of the search for parts.

    `depth` is the number of levels of parts in parts, `parts` the number of parts, `lines` that of
    lines that begin like a delimiter, `fields` that of the octets of Content-* fields that are
    read, `header` that of the octets of a header that are searched for them. With `messages` the
    parts of attached messages are searched too.
    """

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
    """A part whose end is not found yet.

    `delimiter` is empty for a part that can have no more parts. `closed` is then its former
    delimiter if an epilogue follows, which begins at `epilogue`.
    """

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
        """Return the part. It ends at `at`, or at the end of its last part if that is later."""
        end = max(at, self.body, self.parts[-1].end if self.parts else 0)
        names = [*self.disposition.texts("filename"), *self.type.texts("name")]
        # some programs read these too
        names += [*self.disposition.texts("name"), *self.type.texts("filename")]
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
    """A line that is a delimiter of the open part with the index `depth`."""

    start: int
    end: int
    depth: int
    closing: bool


class _Finder:
    """Finds the next occurrence of a pattern. With increasing offsets each octet is read once."""

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
    """One pass over a message. `_at` is the offset of the next line that may be a delimiter."""

    def __init__(self, message: Octets, limits: Limits) -> None:
        self._message = message
        self._limits = limits
        self._dashes = _Finder(message, b"\n--")
        self._blanks = (_Finder(message, b"\n\r\n"), _Finder(message, b"\n\n"))
        self._open: list[_Open] = []
        # for each delimiter the indices of the open parts that have it, the innermost last
        self._delimiters: dict[bytes, list[int]] = {}
        self._starts: tuple[bytes, ...] = ()  # the keys of _delimiters
        self._at = 0
        self._seen = 0  # number of parts
        self._lines = 0  # number of lines that began like a delimiter
        self._read = 0  # octets of fields
        # number of fields that were not read to their end, or that programs read differently
        self._doubts = 0

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
        """Read a delimiter: it ends the parts inside of its multipart, and may begin a part."""
        self._close(delimiter.depth + 1, self._before_line_break(delimiter.start))
        self._at = delimiter.end
        if delimiter.closing:
            self._end_of_parts(self._open[delimiter.depth], delimiter.end)
        elif self._seen < self._limits.parts:
            self._begin(delimiter.end)
        else:
            self._cut()

    def _end_of_parts(self, part: _Open, at: int) -> None:
        """Begin the epilogue of a multipart at `at`."""
        closed = part.delimiter
        self._forget(part)
        if closed not in self._delimiters:
            part.closed, part.epilogue = closed, at

    def _judge_epilogue(self, part: _Open, end: int) -> None:
        """Mark a part as cut where its epilogue, which ends at `end`, has its delimiter.

        An epilogue has no parts, but some programs read a part behind the delimiter.
        """
        at = self._message.find(b"\n" + part.closed, part.epilogue - 1, end) if part.closed else -1
        while at >= 0 and not part.cut:
            line_end = self._message.find(b"\n", at + 1)
            line = self._message[at + 1 : line_end if line_end >= 0 else end]
            self._lines += 1
            part.cut = self._lines > self._limits.lines or line.rstrip(b" \t\r") == part.closed
            at = self._message.find(b"\n" + part.closed, at + 1, end)

    def _cut(self) -> None:
        """End the search for parts because of a limit."""
        for part in self._open:
            part.cut = True
        self._delimiters.clear()

    def _begin(self, start: int) -> None:
        """Read the header section of a part, and that of the message in it if demanded."""
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
        """Return the value of the first field with that name, as far as the limits allow."""
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
        """Begin the search for the delimiters of a multipart."""
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
            part.cut = True  # some programs guess the boundary

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
        """End the innermost parts at `at` until `depth` parts are open."""
        while len(self._open) > depth:
            part = self._open.pop()
            self._forget(part)
            self._judge_epilogue(part, at)
            self._open[-1].parts.append(part.close(at))

    def _delimiter(self, before: int) -> _Delimiter | None:
        """Return the next delimiter that begins before `before`, None for none.

        The whole line must be the delimiter, except for blanks at its end: a line "--ab" is no
        delimiter "--a". Some programs accept a line that only begins with the delimiter (RFC 2046
        §5.1.1 allows that). Lines that are no delimiter are not read again.
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
        """Mark as cut each multipart whose delimiter is not `name` but begins the line."""
        for delimiter, waiting in self._delimiters.items():
            if delimiter != name and line.startswith(delimiter):
                self._open[waiting[-1]].cut = True

    def _header_end(self, start: int) -> int:
        """Return where the body begins: behind the first empty line."""
        if start == 0 and self._message[0:2].startswith((b"\r\n", b"\n")):
            return self._message[0:2].index(b"\n") + 1
        crlf, lf = (finder.after(max(start - 1, 0)) for finder in self._blanks)
        return min(crlf + 3, lf + 2, len(self._message))

    def _before_line_break(self, at: int) -> int:
        """Return the offset of the line break in front of a delimiter, which is part of it."""
        return at - 2 if self._message[at - 2 : at - 1] == b"\r" else at - 1


def _clear_type(value: Value) -> tuple[Value, bool]:
    """Return the value with one type, and True where all programs read this type, or a text.

    Where programs read different types, a composite counts, because it may have parts.
    """
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
    """True for a text without a file name. Programs that read it as another kind of text find no
    attachment in it."""
    return kind.main.startswith("text/") and not kind.texts("name")
