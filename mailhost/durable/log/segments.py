"""The segments of the log: files of one size, written full of zeros once, and used again and again.

A segment begins with a head of START octets, padded with zeros:

    8  the octets `MHLOGSEG`
    2  the version of the format
    16 the id of the data folder
    8  the number of the segment, which is higher with each use
    4  how many segments before it do not count, as the writes that began them have failed
    4  the place where the records of the segment before those end
    16 the file and the run of the machine in which the segment was begun, see `run_of`
    4  CRC-32 of all that

Each version of the format has this head. Records behind the place that it names do not count: they
are of a write that failed.

A file whose blocks are only allocated (fallocate) would need a change of its metadata with each
write, so the file is written once.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from struct import Struct
from zlib import crc32

from mailhost.durable.log.records import Position
from mailhost.durable.system import OperatingSystem

VERSION = 1
SEGMENT = 1 << 21  # octets of a file
START = 64  # the place of the first record
MAGIC = b"MHLOGSEG"
_HEAD = Struct(">8sH16sQII16s")
_CRC = 4  # octets
_ZEROS = bytes(1 << 20)


class BadLog(Exception):
    """The log cannot be used as it is. The text names the file and the remedy."""


@dataclass(frozen=True, slots=True)
class SegmentHead:
    """The head of a segment. `before` is where the records of the segments before it end, `run` the
    run of the machine, empty for an unknown one."""

    number: int
    before: Position
    run: bytes = b""

    def octets(self, id: bytes) -> bytes:
        """Return the head as it is written; `id` is that of the data folder."""
        skipped, place = self.number - 1 - self.before.segment, self.before.place
        head = _HEAD.pack(MAGIC, VERSION, id, self.number, skipped, place, self.run)
        return (head + crc32(head).to_bytes(_CRC, "big")).ljust(START, b"\0")


_FREE = SegmentHead(0, Position(-1, 0))


def head_of(octets: bytes, path: str, id: bytes) -> SegmentHead | None:
    """Return the head of a segment, None where there is none or a damaged one. Raises BadLog for
    one of a newer format or of another data folder."""
    head, crc = octets[: _HEAD.size], octets[_HEAD.size : _HEAD.size + _CRC]
    if len(head) < _HEAD.size or crc32(head).to_bytes(_CRC, "big") != crc:
        return None
    magic, version, owner, number, skipped, place, run = _HEAD.unpack(head)
    if magic != MAGIC:
        return None
    if version > VERSION:
        raise BadLog(
            f"{path} has version {version} of the log's format, this program knows versions up to"
            f" {VERSION}: start the newer version once and stop it, then this one"
        )
    if owner != id:
        raise BadLog(
            f"{path} is the log of another data folder: move the folder {os.path.dirname(path)} to"
            f" the data folder that it belongs to, or away if that mail is not needed"
        )
    before = Position(number - 1 - skipped, place)
    return SegmentHead(number, before, run if any(run) else b"")


def segment_files(system: OperatingSystem, folder: str) -> list[str]:
    """Return the paths of the files that are segments, or may be. Raises OSError."""
    with suppress(FileNotFoundError):
        names = sorted(
            name for name in system.list_names(folder) if name.isascii() and name.isdigit()
        )
        return [os.path.join(folder, name) for name in names]
    return []


def make_segment(system: OperatingSystem, path: str, id: bytes, size: int) -> int:
    """Open a segment and return its descriptor. One that is new, or was not written in full, is
    written full of zeros, with a head of number 0, which is no segment in use. Raises OSError."""
    fd = system.open_segment(path)
    is_new = system.size_of(fd) < size
    try:
        if is_new:
            for place in range(0, size, len(_ZEROS)):
                system.write_at(fd, _ZEROS[: size - place], place)
            system.write_at(fd, _FREE.octets(id), 0)
            system.sync(fd)
    except OSError:
        system.close(fd)
        if is_new:  # the room is needed for mail
            with suppress(OSError):
                system.remove(path)
        raise
    return fd
