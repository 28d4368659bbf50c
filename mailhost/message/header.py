"""Finding fields in a header section by offset, without parsing it whole (RFC 5322 §2.2).

No field is decoded or printed again: each is returned with its offsets in the header section.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from mailhost.message.address import Address, BadAddress, parse_address

_TEXT = rb"[^\r\n]*(?:(?:\r?\n[ \t]|\r(?!\n))[^\r\n]*)*"
_VALUE = rb"[ \t]*:(" + _TEXT + rb")"
_NAME = re.compile(rb"[!-9;-~]+")
_LINE_END = rb"\r?\n?"
_FIELD = re.compile(rb"^([!-9;-~]+)" + _VALUE + _LINE_END, re.MULTILINE)
# for a header section with an LF in front: `re` finds a pattern that begins with a literal octet
# eight times as fast as a pattern that begins with ^
_RECEIVED = re.compile(rb"\nreceived[ \t]*:", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Field:
    """A header field: its name as written, its raw value, and the offsets of the whole field."""

    name: bytes
    value: bytes
    start: int
    end: int

    @property
    def text(self) -> str:
        """The unfolded value, without the blanks around it."""
        return _unfolded(self.value)


def fields(header: bytes) -> Iterator[Field]:
    """Yield the fields of a header section in order. Lines that are no fields are skipped."""
    for match in _FIELD.finditer(header):
        yield Field(match[1], match[2], match.start(), match.end())


def raw_fields(header: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Yield for each field its name in lower case, its raw value, and the whole field: for those
    who look at all of them."""
    for match in _FIELD.finditer(header):
        yield match[1].lower(), match[2], match[0]


def named(header: bytes, name: str) -> Iterator[Field]:
    """Yield the fields with this name, in order."""
    if not has_field(header, name):  # the usual case, found out in a tenth of the time
        return
    for match in _named(name).finditer(header):
        yield Field(match[0][: len(name)], match[1], match.start(), match.end())


def without_fields(header: bytes, name: str) -> bytes:
    """Return a header section without the fields with this name."""
    return _named(name).sub(b"", header)


def values(header: bytes, name: str) -> list[str]:
    """Return the unfolded values of the fields with this name, in order."""
    return list(map(_unfolded, _behind_lf(name).findall(b"\n" + header)))


def has_field(header: bytes, name: str) -> bool:
    """True for a header section with a field of this name."""
    return _behind_lf(name).search(b"\n" + header) is not None


def first_value(header: bytes, name: str) -> str:
    """Return the unfolded value of the first field with this name, empty for none."""
    match = _behind_lf(name).search(b"\n" + header)
    return _unfolded(match[1]) if match else ""


def raw_values(header: bytes, name: bytes) -> list[bytes]:
    """Return the raw values of the fields with this name, in any case and in order."""
    if not _NAME.fullmatch(name):
        return []
    return _behind_lf(name.decode("ascii")).findall(b"\n" + header)


def whole_fields(header: bytes, names: Iterable[bytes]) -> list[bytes]:
    """Return the fields with one of these names, in any case and in order, each with its line
    end."""
    found = _one_of(tuple(names)).findall(b"\n" + header)
    return [field + end for field, end in found]


@lru_cache(maxsize=100)
def _one_of(names: tuple[bytes, ...]) -> re.Pattern[bytes]:
    """Return the pattern of an LF and a whole field with one of these names, and its line end,
    which is not consumed: the LF may be the one in front of the next field."""
    known = b"|".join(re.escape(name) for name in names if _NAME.fullmatch(name))
    field = rb"(?:" + (known or rb"(?!)") + rb")[ \t]*:" + _TEXT
    return re.compile(rb"\n(" + field + rb")(?=(" + _LINE_END + rb"))", re.IGNORECASE)


@lru_cache(maxsize=100)
def _named(name: str) -> re.Pattern[bytes]:
    """Return the pattern of whole fields with this name, for their offsets."""
    pattern = rb"^" + re.escape(name.encode()) + _VALUE + _LINE_END
    return re.compile(pattern, re.MULTILINE | re.IGNORECASE)


@lru_cache(maxsize=100)
def _behind_lf(name: str) -> re.Pattern[bytes]:
    """Return the pattern of an LF and a field with this name, for its value. This pattern is the
    fast one, with which each message is searched."""
    return re.compile(rb"\n" + re.escape(name.encode()) + _VALUE, re.IGNORECASE)


def _unfolded(value: bytes) -> str:
    if b"\n" in value:
        value = value.replace(b"\r\n", b"").replace(b"\n", b"")
    return value.strip().decode("utf-8", "replace")


def count_received(header: bytes) -> int:
    """Return the number of Received fields, which is that of the hosts passed (RFC 5321 §6.3)."""
    return len(_RECEIVED.findall(b"\n" + header))


# --- addresses in fields -------------------------------------------------------------------------

# the tokens of an address-list (RFC 5322 §3.4): a quoted string, an address in angle brackets,
# an address literal, other text, a separator, the beginning of a comment
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_TOKEN = re.compile(
    rf'{_QUOTED}|<(?:{_QUOTED}|[^<>"()])*>|\[[^\[\]]*\]|[^"<>,;:()\[\]]+|[,;:(]', re.DOTALL
)
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_COMMENT = re.compile(r"(?:[^()\\]|\\.)*([()])", re.DOTALL)


def addresses(value: str) -> list[Address]:
    """Return the addresses in a field such as From, also those in groups; at least one.

    Raises BadAddress for a value that holds no address, and for a value that mail programs may read
    in different ways: the result decides whether a client may send the message.
    """
    if _CONTROLS.search(value):
        raise BadAddress(f"{value[:200]!r} holds control characters")
    texts = map(_address, _mailboxes(value))
    found = [parse_address(text, lenient=True) for text in texts if text]
    if not found:
        raise BadAddress(f"{value[:200]!r} holds no address")
    return found


def _mailboxes(value: str) -> Iterator[list[str]]:
    """Yield the tokens of each mailbox, without comments and without the names of groups."""
    at, tokens = 0, list[str]()
    while at < len(value):
        match = _TOKEN.match(value, at)
        if match is None:
            raise BadAddress(f"{value[:200]!r} cannot be read as addresses")
        token, at = match[0], match.end()
        if token == "(":
            at = _after_comment(value, at)
            tokens.append(" ")
        elif token in ",;":
            yield tokens
            tokens = []
        elif token == ":":
            tokens = []  # they were the name of a group
        else:
            tokens.append(token)
    yield tokens


def _after_comment(value: str, at: int) -> int:
    depth = 1
    while depth:
        match = _COMMENT.match(value, at)
        if match is None:
            raise BadAddress(f"{value[:200]!r} has a comment without end")
        depth += 1 if match[1] == "(" else -1
        at = match.end()
    return at


def _address(tokens: list[str]) -> str:
    """Return the text of the address: what is in angle brackets at the end, or the whole mailbox
    where it has no angle brackets. Raises BadAddress."""
    bracketed = [token for token in tokens if token.startswith("<")]
    if not bracketed:
        return "".join(tokens).strip()
    if len(bracketed) > 1 or "".join(tokens[tokens.index(bracketed[0]) + 1 :]).strip():
        raise BadAddress(f"{''.join(tokens)[:200]!r} is not one address")
    return bracketed[0][1:-1].strip() or "<>"
