"""Sections: the octets that a part number and a part specifier name (RFC 9051 §6.4.5.1).

A section is one range of the message, but for HEADER.FIELDS, which is put together from the header.
Where a message is not multipart, its only part has the number 1; parts of a message within a
message are counted behind the number of that message.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from mailhost.message.header import fields, whole_fields
from mailhost.message.imap.part_offsets import BodyPart
from mailhost.message.imap.reader import Reader, blocks

HEADER_LIMIT = 1 << 20  # octets of a header that HEADER.FIELDS looks at


class Specifier(Enum):
    """The wanted piece of a part. BODY is the part without its header, or the whole message."""

    BODY = ""
    HEADER = "HEADER"
    FIELDS = "HEADER.FIELDS"
    FIELDS_NOT = "HEADER.FIELDS.NOT"
    TEXT = "TEXT"
    MIME = "MIME"


@dataclass(frozen=True, slots=True)
class Section:
    """A section as a client asks for it: `2.1.HEADER.FIELDS (Date)` has the numbers 2 and 1."""

    numbers: tuple[int, ...] = ()
    specifier: Specifier = Specifier.BODY
    names: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Range:
    """The octets from `start` to `end` of a message."""

    start: int
    end: int

    @property
    def size(self) -> int:
        return self.end - self.start

    def partial(self, offset: int, size: int) -> Range:
        """`<offset.size>` of it; what begins behind the end is empty."""
        start = min(self.start + offset, self.end)
        return Range(start, min(start + size, self.end))


def find_part(root: BodyPart, numbers: tuple[int, ...]) -> BodyPart | None:
    """Return the part with these numbers, None where there is none."""
    part, is_whole = root, True  # a message counts its own body as part 1 where that is single
    for number in numbers:
        if part.is_message and not is_whole:
            part, is_whole = part.parts[0], True
        if part.is_multipart and number <= len(part.parts):
            part = part.parts[number - 1]
        elif not is_whole or part.is_multipart or number != 1:
            return None
        is_whole = False
    return part


def find_range(root: BodyPart, section: Section) -> Range | None:
    """Return where a section lies; that of its header for HEADER.FIELDS.

    None where the message has no such section: `NIL` is the answer to that.
    """
    part = find_part(root, section.numbers)
    if part is None:
        return None
    if section.specifier is Specifier.MIME:
        return Range(part.start, part.body)
    if section.specifier is Specifier.BODY:
        return Range(part.body if section.numbers else part.start, part.end)
    if section.numbers:
        if not part.is_message:
            return None
        part = part.parts[0]
    if section.specifier is Specifier.TEXT:
        return Range(part.body, part.end)
    return Range(part.start, part.body)


def read_fields(reader: Reader, root: BodyPart, section: Section) -> bytes | None:
    """Return the octets of a HEADER.FIELDS or HEADER.FIELDS.NOT section, None where the message has
    no such section. Raises OSError."""
    where = find_range(root, section)
    if where is None:
        return None
    header = reader.read(where.start, min(where.size, HEADER_LIMIT))
    if section.specifier is Specifier.FIELDS_NOT:
        return without_fields(header, section.names)
    return only_fields(header, section.names)


def only_fields(header: bytes, names: Iterable[bytes]) -> bytes:
    """Return the fields with these names, in any case, and the empty line if the header has it."""
    return joined_fields(header, whole_fields(header, names))


def joined_fields(header: bytes, found: list[bytes]) -> bytes:
    """Return fields of a header with its empty line, where it has one."""
    if found and not found[-1].endswith(b"\n"):
        found = [*found, b"\r\n"]
    ends = header == b"\r\n" or header.endswith(b"\n\r\n")
    return b"".join(found) + (b"\r\n" if ends else b"")


def without_fields(header: bytes, names: Iterable[bytes]) -> bytes:
    """Return a header without the fields with these names."""
    unwanted = {name.lower() for name in names}
    kept, at = list[bytes](), 0
    for each in fields(header):
        if each.name.lower() in unwanted:
            kept.append(header[at : each.start])
            at = each.end
    return b"".join([*kept, header[at:]])


def read_range(reader: Reader, where: Range) -> Iterator[bytes]:
    """Yield the octets of a range, in blocks. Raises OSError for a message that became shorter."""
    return blocks(reader, where.start, where.end)
