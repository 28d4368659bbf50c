"""A place in a command that moves on as its tokens are read.

Text is matched by compiled expressions where the cursor stands; at the end of a text part a literal
may follow. Productions of one subject are functions in files of their own, which take a cursor.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from mailhost.imap.grammar.reader import Literal, Part

T = TypeVar("T")

# tag = 1*<any ASTRING-CHAR except "+">
TAG = re.compile(rb"[!#$&',-\[\]^-z|}~]+")
# ATOM-CHAR = <any CHAR except atom-specials>: "(" ")" "{" SP CTL "%" "*" <"> "\" "]"
ATOM = re.compile(rb"[!#$&'+-\[^-z|}~]+")
# ASTRING-CHAR = ATOM-CHAR / resp-specials;  resp-specials = "]"
ASTRING = re.compile(rb"[!#$&'+-\[\]^-z|}~]+")
# quoted = DQUOTE *QUOTED-CHAR DQUOTE; text outside ASCII is taken here, and judged by its reader
QUOTED = re.compile(rb'"([^"\\\r\n\0]*(?:\\["\\][^"\\\r\n\0]*)*)"')
_ESCAPED = re.compile(rb'\\(["\\])')
_NUMBER = re.compile(rb"[0-9]{1,19}(?![0-9])")
_BASE64 = re.compile(rb"[A-Za-z0-9+/]+={0,2}")

LARGEST_NUMBER = 2**32 - 1
LARGEST_NUMBER64 = 2**63 - 1
DEEPEST = 50  # parentheses, NOT and OR within each other
_SHOWN = 20  # octets of a fault that are quoted


class BadSyntax(ValueError):
    """The command is not in the grammar. The text is for a BAD reply: printable ASCII.

    `tag` is that of the command, `*` where it has none.
    """

    tag = b"*"


class BadMailboxName(BadSyntax):
    """A mailbox name is in no known encoding; NO [CANNOT] says so too."""


class BadCharset(BadSyntax):
    """SEARCH, SORT or THREAD in an unknown charset, for NO [BADCHARSET]."""


class BadEvent(BadSyntax):
    """NOTIFY asks for an unknown event, for NO [BADEVENT]."""


@dataclass(frozen=True, slots=True)
class Mode:
    """The extensions that the client has enabled, as far as the grammar depends on it: `rev2` is
    IMAP4rev2, `utf8` UTF8=ACCEPT (RFC 6855)."""

    rev2: bool = False
    utf8: bool = False

    @property
    def utf8_names(self) -> bool:
        """Whether mailbox names are UTF-8, and not modified UTF-7, and quoted strings UTF-8."""
        return self.rev2 or self.utf8


REV1 = Mode()


class Cursor:
    """`text` is the text part under way, `at` the place in it. `announced` is True where the last
    part is a literal that has not come yet. Faults quote no text of a `secret` command."""

    __slots__ = ("_next", "_parts", "announced", "at", "depth", "mode", "secret", "text")

    def __init__(self, parts: Sequence[Part], mode: Mode = REV1) -> None:
        first = parts[0]
        assert isinstance(first, bytes)  # a command begins with text
        self._parts = parts
        self._next = 1
        self.text = first
        self.at = 0
        self.mode = mode
        self.secret = False
        self.depth = 0
        self.announced = isinstance(parts[-1], Literal)

    # --- faults ----------------------------------------------------------------------------------

    def expected(self, what: str) -> BadSyntax:
        """Return the fault that `what` is not where the cursor stands."""
        return BadSyntax(f"Expected {what}, found {self._found()}")

    def _found(self) -> str:
        rest = self.text[self.at : self.at + _SHOWN]
        if not rest:
            return "a literal" if self.next_literal() else "the end of the command"
        if self.secret:
            return "something else"
        shown = "".join(chr(octet) if 0x20 <= octet < 0x7F else "?" for octet in rest)
        before = sum(part.size if isinstance(part, Literal) else len(part)
                     for part in self._parts[: self._next - 1])  # fmt: skip
        return f"'{shown}' at octet {before + self.at + 1}"

    # --- characters and words --------------------------------------------------------------------

    def next_is(self, octets: bytes) -> bool:
        """Whether the next octets are these. The cursor stays."""
        return self.text.startswith(octets, self.at)

    def take(self, octets: bytes) -> bool:
        """Move over `octets` if they are next."""
        if self.text.startswith(octets, self.at):
            self.at += len(octets)
            return True
        return False

    def expect(self, octets: bytes) -> None:
        """Move over `octets`. Raises BadSyntax."""
        if not self.text.startswith(octets, self.at):
            raise self.expected("a space" if octets == b" " else f"'{octets.decode()}'")
        self.at += len(octets)

    def space(self) -> None:
        """Move over one space. Raises BadSyntax."""
        self.expect(b" ")

    def end(self) -> None:
        """Raises BadSyntax where the command goes on."""
        if not self.at_end():
            raise self.expected("the end of the command")

    def at_end(self) -> bool:
        """Whether nothing follows."""
        return self.at == len(self.text) and self._next == len(self._parts)

    def match(self, pattern: re.Pattern[bytes]) -> re.Match[bytes] | None:
        """Move over what the pattern matches here."""
        found = pattern.match(self.text, self.at)
        if found:
            self.at = found.end()
        return found

    def token(self, pattern: re.Pattern[bytes], what: str) -> bytes:
        """Return what the pattern matches here. Raises BadSyntax."""
        found = pattern.match(self.text, self.at)
        if not found:
            raise self.expected(what)
        self.at = found.end()
        return found[0]

    def word(self, what: str) -> bytes:
        """Return an atom in capitals. Raises BadSyntax."""
        return self.token(ATOM, what).upper()

    def choice(self, table: Mapping[bytes, T], what: str) -> T:
        """Return what the table has for an atom, in any case. Raises BadSyntax."""
        found = ATOM.match(self.text, self.at)
        value = table.get(found[0].upper()) if found else None
        if found is None or value is None:
            raise self.expected(what)
        self.at = found.end()
        return value

    def take_word(self, word: bytes) -> bool:
        """Move over an atom if it is `word`, in any case."""
        found = ATOM.match(self.text, self.at)
        if found and found[0].upper() == word:
            self.at = found.end()
            return True
        return False

    # --- strings ---------------------------------------------------------------------------------

    def atom(self, what: str = "an atom") -> bytes:
        """Return an atom. Raises BadSyntax."""
        return self.token(ATOM, what)

    def next_literal(self) -> Literal | None:
        """Return the literal that is next. The cursor stays."""
        if self.at < len(self.text) or self._next == len(self._parts):
            return None
        part = self._parts[self._next]
        return part if isinstance(part, Literal) else None

    def literal(self) -> Literal | None:
        """Move over a literal if it is next."""
        literal = self.next_literal()
        if literal:
            following = self._parts[self._next + 1] if self._next + 1 < len(self._parts) else b""
            assert isinstance(following, bytes)  # text stands between two literals
            self.text, self.at = following, 0
            self._next = min(self._next + 2, len(self._parts))
        return literal

    def take_string(self) -> bytes | None:
        """Return a string, None where none is next. Raises BadSyntax for a literal8.

        string = quoted / literal
        """
        found = QUOTED.match(self.text, self.at)
        if found:
            self.at = found.end()
            inner = found[1]
            return _ESCAPED.sub(rb"\1", inner) if b"\\" in inner else inner
        literal = self.next_literal()
        if literal is None:
            return None
        if literal.data is None:
            raise self.expected("a string")
        if literal.binary or b"\0" in literal.data:
            raise BadSyntax("A literal here is {n}, not ~{n}, and has no NUL in it")
        self.literal()
        return literal.data

    def string(self, what: str = "a string") -> bytes:
        """Return a string. Raises BadSyntax."""
        found = self.take_string()
        if found is None:
            raise self.expected(what)
        return found

    def nstring(self, what: str = "a string or NIL") -> bytes | None:
        """Return a string, None for NIL. Raises BadSyntax."""
        if self.take_word(b"NIL"):
            return None
        return self.string(what)

    def astring(self, what: str = "a string") -> bytes:
        """Return an atom or a string. Raises BadSyntax. astring = 1*ASTRING-CHAR / string"""
        found = ASTRING.match(self.text, self.at)
        if found:
            self.at = found.end()
            return found[0]
        return self.string(what)

    def base64(self) -> bytes:
        """Return base64, not decoded, or `=`. Raises BadSyntax.

        initial-resp = (base64 / "=")
        """
        return b"=" if self.take(b"=") else self.token(_BASE64, "base64 or =")

    def skip_to_announced(self) -> bytes | None:
        """Move to the text before the literal that is announced. Return the text before the literal
        before that, None where the cursor does not leave its text."""
        last = len(self._parts) - 2
        text = self._parts[last]
        if self._next > last:
            return None
        before = self._parts[last - 2]
        assert isinstance(text, bytes) and isinstance(before, bytes)
        self.text, self.at, self._next = text, 0, last + 1
        return before

    # --- numbers ---------------------------------------------------------------------------------

    def number(self, what: str = "a number", most: int = LARGEST_NUMBER) -> int:
        """Return a number up to `most`. Raises BadSyntax."""
        found = _NUMBER.match(self.text, self.at)
        if not found or (number := int(found[0])) > most:
            raise self.expected(what)
        self.at = found.end()
        return number

    def nz_number(self, what: str = "a number above 0", most: int = LARGEST_NUMBER) -> int:
        """Return a number from 1. Raises BadSyntax."""
        at = self.at
        number = self.number(what, most)
        if not number:
            self.at = at
            raise self.expected(what)
        return number

    def number64(self, what: str = "a number") -> int:
        """Return a number of 63 bits (RFC 9051 §9, RFC 7162 §7). Raises BadSyntax."""
        return self.number(what, LARGEST_NUMBER64)

    # --- lists -----------------------------------------------------------------------------------

    def listed(self, item: Callable[[Cursor], T]) -> tuple[T, ...]:
        """Return the items of a parenthesized list with one at least. Raises BadSyntax. A space
        before the end is let through, as some clients write it.

        "(" item *(SP item) ")"
        """
        self.expect(b"(")
        self.deeper()
        found = [item(self)]
        while self.take(b" ") and not self.next_is(b")"):
            found.append(item(self))
        self.depth -= 1
        self.expect(b")")
        return tuple(found)

    def listed_or_empty(self, item: Callable[[Cursor], T]) -> tuple[T, ...]:
        """As `listed`, or `()`."""
        return () if self.take(b"()") else self.listed(item)

    def spaced(self, item: Callable[[Cursor], T]) -> tuple[T, ...]:
        """Return one item at least. Raises BadSyntax. item *(SP item)"""
        found = [item(self)]
        while self.take(b" "):
            found.append(item(self))
        return tuple(found)

    def deeper(self) -> None:
        """Count a level of nesting. Raises BadSyntax for too many."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise BadSyntax(f"More than {DEEPEST} levels of parentheses, NOT and OR")
