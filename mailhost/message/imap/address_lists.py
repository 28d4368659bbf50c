"""Address lists as ENVELOPE shows them (RFC 9051 §7.5.2), read as patiently as mail programs do.

Any octets give a list. Quoted strings lose their quotes, comments are left out (one behind an
address gives its name where it has none), encoded words stay. Most lists are read by one pattern;
what it does not know goes through tokens, each of which is looked at once.
"""

from __future__ import annotations

import re
from typing import NamedTuple

LONGEST = 1 << 17  # octets of a list that are read
MOST = 10_000  # addresses of a list that are read

_ATOM = rb"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\x80-\xff-]"
_LOCAL = rb"(" + _ATOM + rb"+)@([A-Za-z0-9.-]+)"
_NAME = rb'(?:"([^"\\]+)"|(' + _ATOM + rb"+(?: " + _ATOM + rb"+)*))"
_PLAIN = re.compile(
    rb"[ \t]*(?:" + _LOCAL + rb"|(?:" + _NAME + rb"[ \t]*)?<" + _LOCAL + rb">)[ \t]*(?:,|\Z)"
)
_TOKEN = re.compile(
    rb'[ \t\r\n]+|"[^"\\]*(?:\\.[^"\\]*)*"?|\[[^\[\]]*\]?|[()<>@,;:]'
    rb'|(?:[^ \t\r\n"\[()<>@,;:\\]|\\.)+|.',
    re.DOTALL,
)
_COMMENT = re.compile(rb"[^()\\]*(?:\\.[^()\\]*)*", re.DOTALL)
_PAIR = re.compile(rb"\\(.)", re.DOTALL)


class ListedAddress(NamedTuple):
    """An address as ENVELOPE has it. A group begins with one that has a mailbox (its name) and no
    host, and ends with one that has neither. A host that is not written is empty."""

    name: bytes | None = None
    route: bytes | None = None
    mailbox: bytes | None = None
    host: bytes | None = None


_GROUP_END = ListedAddress()


def parse_addresses(value: bytes) -> list[ListedAddress]:
    """Return the addresses of an unfolded value. Never raises."""
    found = list[ListedAddress]()
    value = value[:LONGEST]
    at = 0
    while at < len(value) and len(found) < MOST:
        match = _PLAIN.match(value, at)
        if match is None:
            return _Tokens(value, at, found).read()
        local, host, quoted, name, in_angles, its_host = match.groups()
        if local is not None:
            found.append(ListedAddress(None, None, local, host))
        else:
            found.append(ListedAddress(_one_line(quoted or name), None, in_angles, its_host))
        at = match.end()
    return found


class _Tokens:
    """Reads what the pattern for plain addresses does not know, from `at` on."""

    def __init__(self, value: bytes, at: int, found: list[ListedAddress]) -> None:
        self._value = value
        self._at = at
        self._found = found
        self._in_group = False
        self._begin()

    def _begin(self) -> None:
        """Begin a mailbox."""
        self._words = list[bytes]()  # and blanks, which are empty
        self._in_angles: list[bytes] | None = None
        self._has_angles = False
        self._has_at = False  # within the angle brackets
        self._comment = b""
        self._ats = list[int]()  # the places of each `@` among the words

    def read(self) -> list[ListedAddress]:
        while self._at < len(self._value) and len(self._found) < MOST:
            match = _TOKEN.match(self._value, self._at)
            assert match is not None
            self._at = match.end()
            self._take(match[0])
        self._end()
        if self._in_group:
            self._found.append(_GROUP_END)
        return self._found

    def _take(self, token: bytes) -> None:
        if token == b"(":
            comment = self._read_comment()
            if any(self._words) or self._has_angles:
                self._comment = comment or self._comment
        elif token in (b",", b";") and not self._is_open():
            self._end()
            self._end_group(token)
        elif token == b"<":
            self._in_angles, self._has_angles, self._has_at = [], True, False
        elif token == b">":
            self._close_angles()
        elif token == b":" and not self._in_group and not self._has_angles:
            self._begin_group()
        elif self._in_angles is not None:
            self._has_at |= token == b"@"
            _append(self._in_angles, _written(token))
        elif not self._has_angles:
            self._add_word(token)

    def _is_open(self) -> bool:
        """True within angle brackets that have no address yet, or a source route (RFC 5322
        §4.4)."""
        if self._in_angles is None:
            return False
        return not self._has_at or self._in_angles[0] == b"@"

    def _end_group(self, token: bytes) -> None:
        if token == b";" and self._in_group:
            self._found.append(_GROUP_END)
            self._in_group = False

    def _begin_group(self) -> None:
        """The words so far are the name of a group; without words the colon means nothing."""
        name = self._phrase()
        if name:
            self._found.append(ListedAddress(None, None, name, None))
            self._in_group = True
            self._begin()

    def _close_angles(self) -> None:
        if self._in_angles is not None:
            self._angles = self._in_angles
            self._in_angles = None

    def _add_word(self, token: bytes) -> None:
        if token == b"@":
            self._ats.append(len(self._words))
        _append(self._words, _written(token))

    def _end(self) -> None:
        """End a mailbox: at a comma, a semicolon, or the end."""
        if self._in_angles is not None:
            self._close_angles()
        if self._has_angles:
            self._found.append(self._in_angles_found(_compact(self._angles)))
        elif any(self._words):
            self._found.append(self._bare())
        self._begin()

    def _in_angles_found(self, text: bytes) -> ListedAddress:
        route = None
        if text.startswith(b"@") and b":" in text:
            route, _, text = text.partition(b":")
        local, _, host = text.rpartition(b"@") if b"@" in text else (text, b"", b"")
        return ListedAddress(self._phrase() or self._comment or None, route, local, host)

    def _bare(self) -> ListedAddress:
        """An address without angle brackets: the words around the last `@`."""
        if not self._ats:
            return ListedAddress(self._comment or None, None, self._phrase(), b"")
        at = self._ats[-1]
        begin = at
        while begin and not self._parts_words(begin):
            begin -= 1
        local = _compact(self._words[begin:at])
        host = _compact(self._words[at + 1 :])
        del self._words[begin:]
        return ListedAddress(self._phrase() or self._comment or None, None, local, host)

    def _parts_words(self, at: int) -> bool:
        """True where the blank in front of `at` ends a name."""
        return self._words[at - 1] == b"" and not _is_bound(self._words, at - 1)

    def _phrase(self) -> bytes:
        """The words with single blanks between those that had one."""
        return b" ".join(b"".join(word or b" " for word in self._words).split())

    def _read_comment(self) -> bytes:
        """The text of the comment that begins here, nested ones and all."""
        start, depth = self._at, 1
        while depth and self._at < len(self._value):
            match = _COMMENT.match(self._value, self._at)
            assert match is not None
            octet = self._value[match.end() : match.end() + 1]
            depth += (octet == b"(") - (octet == b")")
            self._at = match.end() + 1
        end = self._at - 1 if not depth else len(self._value)
        return _PAIR.sub(rb"\1", self._value[start:end]).strip()


def _append(words: list[bytes], word: bytes) -> None:
    """Add a word; of several blanks in a row one is enough."""
    if word or words[-1:] != [b""]:
        words.append(word)


def _is_bound(words: list[bytes], at: int) -> bool:
    """True where the blank at `at` stands beside a dot or an `@`: it parts nothing (RFC 5322
    §4.4)."""
    before = words[at - 1] if at else b"."
    behind = words[at + 1] if at + 1 < len(words) else b"."
    return before.endswith((b".", b"@")) or behind.startswith((b".", b"@"))


def _compact(words: list[bytes]) -> bytes:
    """The words of an address, with blanks only between those that a blank parts."""
    if b"" not in words:
        return b"".join(words)
    return b"".join(
        [word or (b"" if _is_bound(words, at) else b" ") for at, word in enumerate(words)]
    )


def _one_line(name: bytes | None) -> bytes | None:
    """A name with single blanks, None for one that has nothing else."""
    return b" ".join(name.split()) or None if name and b" " in name else name


def _written(token: bytes) -> bytes:
    """Return the text that a token stands for; a blank is empty."""
    if token.startswith(b'"'):
        inside = token[1:-1] if len(token) > 1 and token.endswith(b'"') else token[1:]
        return _PAIR.sub(rb"\1", inside)
    return b"" if token.isspace() else token
