"""Any slice of a message, with CRLF line ends, without holding all of it in memory.

All offsets and sizes of this package are of the message as it goes over the wire. Files that end
their lines with LF (those of other programs) are converted while they are read.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from mailhost.message.content import Content
from mailhost.message.crlf import with_crlf

WHOLE = 1 << 20  # octets of a message that is held in memory while it is looked at
BLOCK = 1 << 16  # octets that are read at once of a larger one


class Reader(Protocol):
    """A message on the wire: its size in octets, and any slice of it."""

    @property
    def size(self) -> int:
        """Octets, lines ending in CRLF."""

    def read(self, offset: int, size: int) -> bytes:
        """Return up to `size` octets from `offset`; fewer at the end alone. Raises OSError."""


@dataclass(frozen=True, slots=True)
class MemoryReader:
    """A message in memory, with CRLF line ends."""

    octets: bytes

    @property
    def size(self) -> int:
        return len(self.octets)

    def read(self, offset: int, size: int) -> bytes:
        return self.octets[offset : offset + size]


@dataclass(frozen=True, slots=True)
class ContentReader:
    """A content, as it is: its lines must end in CRLF, unless a `CrlfReader` stands before it."""

    content: Content

    @property
    def size(self) -> int:
        return self.content.size

    def read(self, offset: int, size: int) -> bytes:
        return self.content.slice(offset, offset + size).read()


class CrlfReader:
    """Shows CRLF where the reader below has LF.

    While it reads it notes where each block begins on the wire, so a slice costs a block or two
    once the octets in front of it were seen. `size` may be known from elsewhere (`W=` in a file
    name); otherwise asking for it reads all. Not to be used by two threads at once.
    """

    def __init__(self, below: Reader, size: int | None = None) -> None:
        self._below = below
        self._size = size
        self._starts = [0]  # of each block on the wire, as far as they are known
        self._last = b""  # the octet in front of the next block
        self._held = (-1, b"")  # the block that was converted last

    @property
    def size(self) -> int:
        if self._size is None:
            while self._measure():
                pass
            self._size = self._starts[-1]
        return self._size

    def read(self, offset: int, size: int) -> bytes:
        end = offset + size
        while self._starts[-1] < end and self._measure():
            pass
        found = list[bytes]()
        number = bisect_right(self._starts, offset) - 1
        while offset < end and number < len(self._starts) - 1:
            start = self._starts[number]
            found.append(self._block(number)[offset - start : end - start])
            number += 1
            offset = self._starts[number]
        return b"".join(found)

    def _measure(self) -> bool:
        """Note where the next block ends on the wire. False where there is none."""
        number = len(self._starts) - 1
        if number * BLOCK >= self._below.size:
            return False
        block = self._below.read(number * BLOCK, BLOCK)
        if not block:
            return False
        text = with_crlf(block, self._last)
        self._held = (number, text)
        self._starts.append(self._starts[-1] + len(text))
        self._last = block[-1:]
        return True

    def _block(self, number: int) -> bytes:
        if self._held[0] != number:
            before = self._below.read(number * BLOCK - 1, 1) if number else b""
            text = with_crlf(self._below.read(number * BLOCK, BLOCK), before)
            self._held = (number, text)
        return self._held[1]


def reader_of(content: Content, wire_size: int | None = None) -> Reader:
    """Return the reader of a message with LF or CRLF line ends. Small ones are read at once.

    `wire_size` is its size with CRLF where that is known; where it is that of the content, no line
    ends in LF. Raises OSError.
    """
    if content.size <= WHOLE:
        octets = content.read()
        return MemoryReader(octets if wire_size == len(octets) else with_crlf(octets))
    below = ContentReader(content)
    return below if wire_size == content.size else CrlfReader(below, wire_size)


class Octets:
    """A large message as something to search in and to cut slices from, as `bytes` are.

    It holds one block. A file that became shorter ends early.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._size = reader.size
        self._start = 0
        self._block = b""

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, where: slice) -> bytes:
        start, end, _ = where.indices(self._size)
        at = start - self._start
        if at >= 0 and end <= self._start + len(self._block):
            return self._block[at : max(end - self._start, at)]
        return self._reader.read(start, end - start) if end > start else b""

    def find(self, pattern: bytes, start: int = 0, end: int | None = None) -> int:
        """Return where the pattern begins first, within `start` and `end`; -1 for nowhere."""
        end = self._size if end is None else min(end, self._size)
        at = max(start, 0)
        while at + len(pattern) <= end:
            self._load(at, len(pattern))
            found = self._block.find(pattern, at - self._start, end - self._start)
            if found >= 0:
                return self._start + found
            if len(self._block) < len(pattern):
                return -1
            at = self._start + len(self._block) - len(pattern) + 1
        return -1

    def count(self, octet: bytes, start: int, end: int) -> int:
        """Return how often a single octet stands between `start` and `end`."""
        return sum(
            self._reader.read(at, min(BLOCK, end - at)).count(octet)
            for at in range(start, end, BLOCK)
        )

    def _load(self, at: int, size: int) -> None:
        """Have a block that holds `size` octets from `at`."""
        if not self._start <= at <= at + size <= self._start + len(self._block):
            self._start, self._block = at, self._reader.read(at, max(BLOCK, size))


Searchable: TypeAlias = "bytes | Octets"


def octets_of(reader: Reader) -> Searchable:
    """Return the message to search in: in memory while it is small. Raises OSError."""
    return reader.read(0, reader.size) if reader.size <= WHOLE else Octets(reader)


def blocks(reader: Reader, start: int, end: int, size: int = BLOCK) -> Iterator[bytes]:
    """Yield the octets from `start` to `end`, at most `size` at once. Raises OSError for a message
    that became shorter."""
    at = start
    while at < end:
        block = reader.read(at, min(size, end - at))
        if not block:
            raise OSError(f"a message ends {end - at} octets early")
        yield block
        at += len(block)
