"""The records of the log, as octets.

A record is a head of HEAD octets, a path and a body, padded with zeros to a multiple of ALIGNMENT:

    4  the octets `MHWL`
    4  CRC-32 of all that follows, without the padding; it begins with the seed of the log
    8  the number of the segment that the record was written to
    8  its place in the segment, in octets
    8  the place of the first record of the same write
    1  the kind
    1  zero
    2  the length of the path
    4  the length of the body
    8  the mtime of the file in nanoseconds since 1970

All numbers have their most significant octet first. Segments are used again, so a record that does
not name its own segment and place is one of an earlier use. A write begins when the one before it
has succeeded: if a damaged record is followed by a record of a later write, it is no torn one. The
seed is the CRC-32 of a random id that nobody outside knows: no message can have a body that is
taken for records.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from struct import Struct
from zlib import crc32

_HEAD = Struct(">4sIQQQBxHIq")
_POSITION = Struct(">QQ")
MAGIC = b"MHWL"
HEAD = _HEAD.size
ALIGNMENT = 8  # octets
LONGEST_PATH = 4096  # octets
_AFTER_CRC = 8  # octets of the magic and the CRC


class Kind(IntEnum):
    """What a record says. A path is below the data folder, in octets."""

    FILE = 1  # the file `path` has the body
    GONE = 2  # the file `path` was removed
    CHECKPOINT = 3  # the file system has all records before the position in the body


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in the log: the number of a segment, and octets from its begin."""

    segment: int
    place: int

    def octets(self) -> bytes:
        """Return the position as the body of a CHECKPOINT record."""
        return _POSITION.pack(self.segment, self.place)


def position_of(body: bytes) -> Position | None:
    """Return the position in the body of a CHECKPOINT record, None where there is none."""
    return Position(*_POSITION.unpack(body)) if len(body) == _POSITION.size else None


@dataclass(frozen=True, slots=True)
class NewRecord:
    """A record to be written. `modified` is in nanoseconds since 1970."""

    kind: Kind
    path: bytes = b""
    pieces: Sequence[bytes] = ()
    modified: int = 0

    @property
    def size(self) -> int:
        """The octets that the record takes in the log."""
        return _padded(HEAD + len(self.path) + sum(map(len, self.pieces)))

    def octets(self, seed: int, segment: int, place: int, write: int) -> list[bytes]:
        """Return the record as pieces to be written at a place of a segment, in a write that begins
        at the place `write`."""
        body = sum(map(len, self.pieces))
        path, kind, modified = self.path, self.kind, self.modified
        head = _HEAD.pack(MAGIC, 0, segment, place, write, kind, len(path), body, modified)
        crc = crc32(path, crc32(head[_AFTER_CRC:], seed))
        for piece in self.pieces:
            crc = crc32(piece, crc)
        length = HEAD + len(path) + body
        head = b"".join((MAGIC, crc.to_bytes(4, "big"), head[_AFTER_CRC:], path))
        return [head, *self.pieces, bytes(_padded(length) - length)]


@dataclass(frozen=True, slots=True)
class Record:
    """A record that was read. `start` and `end` are the places of its body, `after` that of the
    next record, `write` that of the first record of the same write."""

    kind: Kind
    at: Position
    write: int
    path: bytes
    start: int
    end: int
    after: int
    modified: int


def record_at(octets: memoryview, seed: int, at: Position) -> Record | None:
    """Return the record at a position of its segment, whose octets these are; None where there is
    no whole record of this use of the segment."""
    head = octets[at.place : at.place + HEAD]
    if len(head) < HEAD or head[:4] != MAGIC:
        return None
    _, crc, segment, place, write, kind, path, body, modified = _HEAD.unpack(head)
    start = at.place + HEAD + path
    end = start + body
    if (segment, place) != (at.segment, at.place) or end > len(octets) or path > LONGEST_PATH:
        return None
    if crc32(octets[at.place + _AFTER_CRC : end], seed) != crc or kind not in _KINDS:
        return None
    name = bytes(octets[at.place + HEAD : start])
    after = at.place + _padded(HEAD + path + body)
    return Record(Kind(kind), at, write, name, start, end, after, modified)


@dataclass(frozen=True, slots=True)
class Damage:
    """Octets from `at` to the place `end`, which were records of a write that had succeeded."""

    at: Position
    end: int


def records_of(
    octets: memoryview, seed: int, segment: int, start: int
) -> Iterator[Record | Damage]:
    """Yield the records of a segment from the place `start` on, and where some are damaged.

    The records of a last write that is torn are yielded as far as they are whole.
    """
    place = start
    while place < len(octets):
        record = record_at(octets, seed, Position(segment, place))
        if record is None:
            record = _next_record(octets, seed, segment, place)
            if record is None:
                return
            if record.write > place:
                yield Damage(Position(segment, place), record.at.place)
        yield record
        place = record.after


def _next_record(octets: memoryview, seed: int, segment: int, place: int) -> Record | None:
    """Return the first whole record behind a place where there is none."""
    whole = octets.obj
    assert isinstance(whole, bytes | bytearray)
    while (place := whole.find(MAGIC, place + 1)) >= 0:
        if place % ALIGNMENT == 0:
            record = record_at(octets, seed, Position(segment, place))
            if record is not None:
                return record
    return None


def _padded(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


_KINDS = frozenset(Kind)


def seed_of(id: bytes) -> int:
    """Return where the CRC of each record begins, in the log of a data folder with this id."""
    return crc32(id)


def number_in(octets: bytes, seed: int) -> int:
    """Return the number of a segment whose head is damaged, by its records; 0 where it has none."""
    place, found = 0, 0
    view = memoryview(octets)
    while (place := octets.find(MAGIC, place)) >= 0:
        if place + HEAD <= len(octets):
            number = _HEAD.unpack_from(octets, place)[2]
            if number > found and record_at(view, seed, Position(number, place)) is not None:
                found = number
        place += 1
    return found
