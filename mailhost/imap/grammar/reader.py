"""Cuts the octets of a client into commands, and announces each literal before it is read.

A command is lines of text with literals between them. A line that ends in `{n}` announces a literal
of n octets; the client waits for a continuation request, unless it wrote `{n+}` (RFC 7888). The
session decides on each literal: hold it, stream it, or refuse it. The result does not depend on how
the network cut the octets.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

# literal = "{" number64 ["+"] "}" CRLF *CHAR8;  literal8 = "~{" number64 ["+"] "}" CRLF *OCTET
_LITERAL = re.compile(rb"(~?)\{([0-9]{1,20})(\+?)\}\Z")
_TAG = re.compile(rb"([!#$&',-\[\]^-z|}~]+) ")
_LONGEST_LITERAL = 24  # octets of `~{n+}`
_BEGINNING = 80  # octets of a bad line that are kept


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a client's command is held in memory.

    `line` is octets of one line of text without CRLF, `literal` of one literal that is held,
    `command` of all lines and held literals of one command, `literals` the number of its literals,
    also of those that are streamed.
    """

    line: int
    literal: int
    command: int
    literals: int = 1000


BEFORE_LOGIN = Limits(line=12288, literal=4096, command=16384, literals=10)
AFTER_LOGIN = Limits(line=65536, literal=65536, command=262144)


@dataclass(frozen=True, slots=True)
class Literal:
    """A literal within a command. `data` is None for one that was announced, streamed or refused.

    A `binary` one is a literal8: it may hold NUL (RFC 9051 §4.3.1).
    """

    size: int
    binary: bool = False
    data: bytes | None = None


Part = bytes | Literal


@dataclass(frozen=True, slots=True)
class Complete:
    """A whole command: text, literal, text and so on; it begins and ends with text."""

    parts: tuple[Part, ...]

    @property
    def line(self) -> bytes | None:
        """The text of a command without literals, such as DONE or a line of base64."""
        return self.parts[0] if len(self.parts) == 1 and isinstance(self.parts[0], bytes) else None


@dataclass(frozen=True, slots=True)
class Announced:
    """A literal is announced: `accept`, `stream` or `refuse` it.

    `parts` are the command so far, with this literal as the last of them. A client that waits for
    `+ ` is `waiting`. `too_big` says which limit it exceeds if it is to be held, "" for none.
    """

    parts: tuple[Part, ...]
    literal: Literal
    waiting: bool
    too_big: str = ""


@dataclass(frozen=True, slots=True)
class Octets:
    """Some octets of a literal that is streamed."""

    data: bytes
    last: bool


@dataclass(frozen=True, slots=True)
class TooLong:
    """A line or command exceeds the limits. The rest of it is thrown away: the session answers BAD.

    `tag` is `*` where the command has none; `beginning` are its first octets.
    """

    tag: bytes
    text: str
    beginning: bytes


Event = Complete | Announced | Octets | TooLong


class _Doing(Enum):
    READ = auto()  # a line of text
    HOLD = auto()  # a literal that is held
    STREAM = auto()  # a literal that is streamed
    DECIDE = auto()  # nothing: the session has not decided on a literal yet
    SKIP = auto()  # the rest of a line
    SKIP_LITERAL = auto()  # a literal of a command that was refused


class CommandReader:
    """Octets in by `receive`, events out by `next`. `limits` may be replaced at any time."""

    __slots__ = (
        "_announced", "_at", "_data", "_doing", "_held", "_left", "_parts", "_searched", "_size",
        "_tail", "limits",
    )  # fmt: skip

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.clear()

    def clear(self) -> None:
        """Forget everything, as STARTTLS wants it (RFC 9051 §6.2.1)."""
        self._data = bytearray()
        self._at = 0  # octets of _data that were read
        self._searched = 0  # octets of _data that hold no LF
        self._doing = _Doing.READ
        self._announced: Announced | None = None
        self._tail = b""  # the end of a line that is thrown away
        self._left = 0  # octets that are missing of the literal under way
        self._held = Literal(0)  # the literal that is to be held
        self._forget_command()

    def __len__(self) -> int:
        """Octets that came and are not read."""
        return len(self._data) - self._at

    @property
    def between_commands(self) -> bool:
        """True while no part of a command was read or is there to be read."""
        return self._doing is _Doing.READ and not self._parts and not len(self)

    def receive(self, data: bytes) -> None:
        """Append what came."""
        if self._at:
            del self._data[: self._at]
            self._searched -= self._at
            self._at = 0
        self._data += data

    def next(self) -> Event | None:
        """Return what is there, None until more octets arrive. An announcement is returned again
        until it is decided on."""
        while True:
            doing = self._doing
            if doing is _Doing.READ:
                return self._read_line()
            if doing is _Doing.DECIDE:
                return self._announced
            if doing is _Doing.STREAM:
                return self._read_stream()
            if doing is _Doing.HOLD:
                if not self._read_held():
                    return None
            elif not (self._skip_line() if doing is _Doing.SKIP else self._skip_literal()):
                return None

    # --- decisions on an announced literal -------------------------------------------------------

    def accept(self) -> None:
        """Hold the literal. The session writes `+ ` to a client that waits. Raises ValueError where
        the limits forbid it."""
        announced = self._decide()
        if announced.too_big:
            raise ValueError(announced.too_big)
        self._held = announced.literal
        self._size += self._held.size
        self._doing = _Doing.HOLD

    def stream(self) -> None:
        """Have `next` return the literal as it comes, in Octets. The limits do not apply."""
        announced = self._decide()
        self._parts.append(announced.literal)
        self._left = announced.literal.size
        self._doing = _Doing.STREAM

    def refuse(self) -> None:
        """Give up the command: the session answers it now with its tag. Octets of it that
        the client sends all the same are discarded."""
        announced = self._decide()
        self._forget_command()
        self._left = 0 if announced.waiting else announced.literal.size
        self._doing = _Doing.READ if announced.waiting else _Doing.SKIP_LITERAL

    def _decide(self) -> Announced:
        assert self._announced is not None, "no literal is announced"
        announced, self._announced = self._announced, None
        return announced

    def _forget_command(self) -> None:
        self._parts: list[Part] = []
        self._size = 0  # octets of the command that are held

    # --- reading ---------------------------------------------------------------------------------

    def _read_line(self) -> Event | None:
        end = self._data.find(b"\n", self._searched)
        length = (len(self._data) if end < 0 else end) - self._at
        if length > self.limits.line + 1:  # with the CR
            return self._too_long("The line is too long", length)
        if end < 0:
            self._searched = len(self._data)
            return None
        line = bytes(self._data[self._at : end]).removesuffix(b"\r")
        if self._size + len(line) > self.limits.command:
            return self._too_long("The command is too long", len(line))
        literal = _LITERAL.search(line[-_LONGEST_LITERAL:]) if line[-1:] == b"}" else None
        if literal and len(self._parts) // 2 >= self.limits.literals:
            return self._too_long("The command has too many literals", len(line))
        self._consume(end + 1)
        self._size += len(line)
        if literal:
            return self._announce(line, literal)
        if not self._parts:
            self._size = 0
            return Complete((line,))
        parts = (*self._parts, line)
        self._forget_command()
        return Complete(parts)

    def _announce(self, line: bytes, found: re.Match[bytes]) -> Announced:
        literal = Literal(int(found[2]), bool(found[1]))
        self._parts.append(line[: len(line) - len(found[0])])
        self._announced = Announced(
            (*self._parts, literal), literal, not found[3], self._too_big(literal.size)
        )
        self._doing = _Doing.DECIDE
        return self._announced

    def _too_big(self, size: int) -> str:
        if size > self.limits.literal:
            return f"A literal may have {self.limits.literal} octets here"
        if self._size + size > self.limits.command:
            return f"A command may have {self.limits.command} octets here"
        return ""

    def _read_held(self) -> bool:
        size = self._held.size
        if len(self) < size:
            return False
        self._parts.append(Literal(size, self._held.binary, self._take(size)))
        self._doing = _Doing.READ
        return True

    def _read_stream(self) -> Octets | None:
        if self._left and not len(self):
            return None
        data = self._take(self._left)
        self._left -= len(data)
        if not self._left:
            self._doing = _Doing.READ
        return Octets(data, not self._left)

    # --- throwing away ---------------------------------------------------------------------------

    def _too_long(self, text: str, length: int) -> TooLong:
        kept = min(length, self.limits.line, _BEGINNING)
        first = self._parts[0] if self._parts else self._data[self._at : self._at + kept]
        assert not isinstance(first, Literal)  # a command begins with text
        beginning = bytes(first[:_BEGINNING])
        self._forget_command()
        self._doing = _Doing.SKIP
        tag = _TAG.match(beginning)
        return TooLong(tag[1] if tag else b"*", text, beginning)

    def _skip_line(self) -> bool:
        """Throw away what is there of a line. Its literal is skipped too, if it is on its way."""
        end = self._data.find(b"\n", self._searched)
        line = self._take((len(self._data) if end < 0 else end + 1) - self._at)
        self._tail = (self._tail + line)[-_LONGEST_LITERAL - 2 :]
        if end < 0:
            return False
        found = _LITERAL.search(self._tail.removesuffix(b"\n").removesuffix(b"\r"))
        self._tail = b""
        if found and found[3]:
            self._left = int(found[2])
            self._doing = _Doing.SKIP_LITERAL
        else:
            self._doing = _Doing.READ
        return True

    def _skip_literal(self) -> bool:
        self._left -= len(self._take(self._left))
        if self._left:
            return False
        self._doing = _Doing.SKIP
        return True

    # --- the octets ------------------------------------------------------------------------------

    def _take(self, octets: int) -> bytes:
        whole = not self._at and octets >= len(self._data)
        data = bytes(self._data if whole else self._data[self._at : self._at + octets])
        self._consume(self._at + len(data))
        return data

    def _consume(self, end: int) -> None:
        if end == len(self._data):
            self._data.clear()
            end = 0
        self._at = self._searched = end
