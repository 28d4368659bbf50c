"""The text of `dovecot-uidlist`: which UID each message of a folder has.

Version 3, which Dovecot has written since 1.1, and we write:

    3 V<UIDVALIDITY> N<next UID> G<the mailbox's GUID> [<key><value> ...]
    <UID> [<key><value> ...] :<base name of the file>

Version 1, of older Dovecots and of Courier's `courierimapuiddb`, has `1 <UIDVALIDITY> <next UID>`
and `<UID> <base name>`. UIDs rise from line to line. New messages are appended without a change to
the header, so the next UID is also above that of the last line. The lines of messages that are gone
stay until the file is rewritten. A line that repeats a base name replaces the one before.

Reading takes any octets: what is no line of the format is left out, and the list is `damaged`. That
one must be rewritten before anything is appended, because Dovecot removes a file in which it finds
such a line. The last line counts once it has its line feed: without it, somebody is still writing
it, or died.

File names are text with surrogates for octets that are no UTF-8, as `os.fsdecode` has them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import count
from operator import lt

LARGEST = (1 << 32) - 2  # UID; Dovecot takes 2^32 - 1 for none
_GUID = re.compile(r"[0-9a-f]{32}")
_FIELDS = re.compile(r"(?:[A-Z][^ ]*(?: [A-Z][^ ]*)*)?")
_UNLISTED = re.compile(r"[/:\0\r\n]")
_DIGITS = 10  # of a number below 2^32
_SLICE = 5000  # lines


class UidsExhausted(OSError):
    """No UID is left: the folder needs a new UIDVALIDITY."""


@dataclass(frozen=True, slots=True)
class Header:
    """The first line. `next_uid` is as written there: the UidList knows the next UID.

    `guid` has 32 hexadecimal digits, or is empty where the file has none. `others` are fields of
    keys that are unknown to us.
    """

    uid_validity: int
    next_uid: int = 1
    guid: str = ""
    others: tuple[str, ...] = ()
    version: int = 3


@dataclass(frozen=True, slots=True)
class Extensions:
    """The fields of a line; None for those that the line does not have.

    `size` and `wire_size` are octets, where the file's name has none; `pop3_uidl` is the unique-id
    that POP3 shows, `pop3_order` the place among POP3's messages: lower ones first, those without
    last. `guid` is the message's identity, which is else its base name.
    """

    size: int | None = None
    wire_size: int | None = None
    pop3_uidl: str | None = None
    pop3_order: int | None = None
    guid: str | None = None


class UidList:
    """A file, or the end of one. `uids` has the UIDs by base name, in rising order, unless a
    name was repeated.

    `extensions` has the fields of a line by its UID, as written, for those lines that have any.
    `last_uid` is the highest UID of any line, `lines` their number, also of those replaced.
    """

    __slots__ = ("damaged", "extensions", "header", "last_uid", "lines", "uids")

    def __init__(self, header: Header, last_uid: int = 0, lines: int = 0) -> None:
        self.header = header
        self.uids: dict[str, int] = {}
        self.extensions: dict[int, str] = {}
        self.last_uid = last_uid
        self.lines = lines
        self.damaged = False

    @property
    def next_uid(self) -> int:
        """The UID that the next message gets."""
        return max(self.header.next_uid, self.last_uid + 1)

    @property
    def needs_rewriting(self) -> bool:
        """True for a file that nothing may be appended to."""
        return self.damaged or self.header.version != 3 or not self.header.guid

    def read_lines(self, text: str) -> None:
        """Add whole lines, each with its line feed."""
        lines = text.split("\n")
        if lines.pop():
            self.damaged = True
        plain = text.count(":") == len(lines) and not any(map(text.__contains__, "/\0\r"))
        plain = plain and self.header.version == 3
        for start in range(0, len(lines), _SLICE):
            some = lines[start : start + _SLICE]
            if not (plain and self._add_plain(some)):
                self._add_each(some)
        self.lines += len(lines)

    def _add_plain(self, lines: list[str]) -> bool:
        """Add lines in which nothing is odd, several times faster; False where something is."""
        parts = [line.partition(" :") for line in lines]
        heads = [part[0] for part in parts]
        if not all(map(str.isdigit, heads)):
            pairs = [head.partition(" ") for head in heads]
            heads = [pair[0] for pair in pairs]
            fields = [pair[2] for pair in pairs]
            if not all(map(_FIELDS.fullmatch, fields)):
                return False
        else:
            fields = []
        digits = "".join(heads)
        short = all(heads) and max(map(len, heads)) <= _DIGITS
        if not (short and digits.isascii() and digits.isdigit()):
            return False
        uids = list(map(int, heads))
        bases = [part[2] for part in parts]
        rising = self.last_uid < uids[0] and all(map(lt, uids, uids[1:])) and uids[-1] <= LARGEST
        found = dict(zip(bases, uids, strict=True))
        if not (rising and all(bases) and len(found) == len(lines)):
            return False
        if not self.uids.keys().isdisjoint(found):
            return False
        self.uids |= found
        self.extensions |= {uid: text for uid, text in zip(uids, fields, strict=False) if text}
        self.last_uid = uids[-1]
        return True

    def _add_each(self, lines: list[str]) -> None:
        for line in lines:
            line = line.removesuffix("\r")
            if self.header.version == 3:
                head, _, base = line.partition(" :")
                head, _, fields = head.partition(" ")
            else:
                head, _, base = line.partition(" ")
                fields = ""
            self._add(_number(head), self._checked_fields(fields), base.partition(":")[0])

    def _add(self, uid: int, fields: str, base: str) -> None:
        if not self.last_uid < uid <= LARGEST or not can_be_listed(base):
            self.damaged = True
            return
        if base in self.uids:
            self.extensions.pop(self.uids.pop(base), None)
            self.damaged = True
        self.uids[base] = self.last_uid = uid
        if fields:
            self.extensions[uid] = fields

    def _checked_fields(self, text: str) -> str:
        fields = list(filter(None, text.split(" ")))
        good = [field for field in fields if "A" <= field[0] <= "Z"]
        if len(good) < len(fields):
            self.damaged = True
        return " ".join(good)

    def add(self, base: str, fields: str = "") -> int:
        """Give the next UID to a message, and return it. Raises UidsExhausted, ValueError."""
        if not can_be_listed(base):
            raise ValueError(f"{base!r} cannot be the name of a message file")
        self.add_all({base: fields})
        return self.last_uid

    def add_all(self, new: Mapping[str, str]) -> None:
        """Give the next UIDs to messages, in order: base names that `can_be_listed`, with the
        fields of their lines. Raises UidsExhausted; none was given a UID then."""
        first = self.next_uid
        if first + len(new) - 1 > LARGEST:
            raise UidsExhausted("the folder has given all UIDs")
        for base in self.uids.keys() & new.keys():
            self.extensions.pop(self.uids.pop(base), None)
        self.uids.update(zip(new, count(first)))
        self.extensions |= {uid: text for uid, text in enumerate(new.values(), first) if text}
        self.last_uid = first + len(new) - 1
        self.lines += len(new)

    def lines_from(self, first: int) -> str:
        """Return the lines of all messages whose UID is `first` or higher, as written to a file."""
        extensions = self.extensions
        return "".join(
            f"{uid} {extensions[uid]} :{base}\n" if uid in extensions else f"{uid} :{base}\n"
            for base, uid in self.uids.items()
            if uid >= first
        )

    def text(self) -> str:
        """Return the whole file, in version 3. The header tells the next UID."""
        header = replace(self.header, next_uid=self.next_uid)
        return header_line(header) + self.lines_from(0)


def can_be_listed(base: str) -> bool:
    """True for the base name of a file that a line can hold."""
    return bool(base) and not _UNLISTED.search(base)


def header_line(header: Header) -> str:
    """Return the first line of a file in version 3."""
    guid = [f"G{header.guid}"] if header.guid else []
    fields = (f"V{header.uid_validity}", f"N{header.next_uid}", *guid, *header.others)
    return f"3 {' '.join(fields)}\n"


def parse(octets: bytes) -> UidList | None:
    """Return what a file says; None where it has no header that names a UIDVALIDITY.

    A last line without its line feed is left out.
    """
    text = whole_lines(octets).decode("utf-8", "surrogateescape")
    first, _, rest = text.partition("\n")
    header, damaged = parse_header(first)
    if header is None:
        return None
    found = UidList(header)
    found.read_lines(rest)
    found.damaged |= damaged
    return found


def whole_lines(octets: bytes) -> bytes:
    """Return the octets up to the last line feed."""
    return octets[: octets.rfind(b"\n") + 1]


@lru_cache(maxsize=100)  # the list of a folder is read for each message that is added
def parse_header(line: str) -> tuple[Header | None, bool]:
    """Return a first line's values, None without a UIDVALIDITY, and whether it is damaged."""
    version, *fields = line.removesuffix("\r").split(" ")
    if version == "1":
        numbers = [_number(field) for field in fields[:2]]
        if len(numbers) < 2 or not numbers[0]:
            return None, True
        return Header(numbers[0], max(numbers[1], 1), version=1), False
    if version != "3":
        return None, True
    values: dict[str, str] = {}
    others: list[str] = []
    for field in filter(None, fields):
        if field[0] in "VNG":
            values[field[0]] = field[1:]
        else:
            others.append(field)
    uid_validity, next_uid = _number(values.get("V", "")), _number(values.get("N", ""))
    guid = values.get("G", "").lower()
    if not uid_validity:
        return None, True
    whole = bool(next_uid) and (not guid or bool(_GUID.fullmatch(guid)))
    if not _GUID.fullmatch(guid):
        guid = ""
    return Header(uid_validity, max(next_uid, 1), guid, tuple(others)), not whole


def _number(text: str) -> int:
    """Return a number from 1 to 2^32 - 1, 0 for anything else."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else 0
    return number if number < 1 << 32 else 0


def extensions_of(fields: str) -> Extensions:
    """Take the fields of a line apart. The first of several with one key counts."""
    values: dict[str, str] = {}
    for field in fields.split():
        values.setdefault(field[0], field[1:])
    return Extensions(
        _size(values.get("S")),
        _size(values.get("W")),
        values.get("P"),
        _size(values.get("O")),
        values.get("G"),
    )


def _size(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None


def fields_of(extensions: Extensions) -> str:
    """Return the fields of a line. Values hold no blank and no control character."""
    values = {
        "S": extensions.size,
        "W": extensions.wire_size,
        "P": extensions.pop3_uidl,
        "O": extensions.pop3_order,
        "G": extensions.guid,
    }
    return " ".join(f"{key}{value}" for key, value in values.items() if value is not None)
