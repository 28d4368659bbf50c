"""A message's bytes: in memory while small, in a file above a limit, never printed again.

A Content is a row of pieces, each some bytes or a slice of an open file. Putting fields in front
and cutting fields out make new rows over the same pieces; nothing is copied. Files are read with
pread, so several readers, in any thread, do not disturb each other. A file goes when the last
piece that holds it goes.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

CHUNK = 1 << 16
HEADER_LIMIT = 1 << 20
REMEMBERED = 1 << 14  # octets of a header section that are held so as not to be read again
CRUMB = 1 << 10  # parts below this are joined: a thousand of two octets would take fifty thousand


class OpenFile:
    """A file descriptor that is closed when nobody holds it any more."""

    __slots__ = ("fd",)

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def __del__(self) -> None:
        os.close(self.fd)


@dataclass(frozen=True, slots=True)
class FileSlice:
    """`length` octets of an open file from `offset`."""

    file: OpenFile
    offset: int
    length: int

    def __len__(self) -> int:
        return self.length

    def read(self, start: int, length: int) -> bytes:
        """Return up to `length` octets from `start` of this slice."""
        length = min(length, self.length - start)
        return os.pread(self.file.fd, length, self.offset + start)


Piece: TypeAlias = "bytes | FileSlice"


@dataclass(frozen=True, slots=True)
class Content:
    """The whole message, header section first. `known` is that section where somebody read it."""

    pieces: tuple[Piece, ...]
    known: bytes | None = field(default=None, compare=False, repr=False)

    @property
    def size(self) -> int:
        """Octets."""
        return sum(map(len, self.pieces))

    @property
    def in_memory(self) -> bool:
        """True where reading it touches no disk."""
        return all(isinstance(piece, bytes) for piece in self.pieces)

    def chunks(self, size: int = CHUNK) -> Iterator[bytes]:
        """Yield the bytes in order, at most `size` at once. Raises OSError for a short file."""
        for piece in self.pieces:
            if isinstance(piece, bytes):
                for start in range(0, len(piece), size):
                    yield piece[start : start + size] if len(piece) > size else piece
                continue
            start = 0
            while start < piece.length:
                chunk = piece.read(start, size)
                if not chunk:
                    raise OSError(f"a message file ends {piece.length - start} octets early")
                yield chunk
                start += len(chunk)

    def read(self, limit: int | None = None) -> bytes:
        """Return the first `limit` octets, all of them for None. For small messages and tests."""
        whole = bytearray()
        for chunk in self.chunks():
            whole += chunk
            if limit is not None and len(whole) >= limit:
                return bytes(whole[:limit])
        return bytes(whole)

    def header(self) -> bytes:
        """Return the header section with its last CRLF, without the empty line after it.

        At most HEADER_LIMIT octets: what is larger is cut there.
        """
        if self.known is not None:
            return self.known
        section = b""
        for chunk in self.chunks():
            seen = max(len(section) - 3, 0)
            section = section + chunk if section else chunk
            if section.startswith(b"\r\n"):
                return b""
            end = section.find(b"\r\n\r\n", seen)
            if end >= 0 or len(section) >= HEADER_LIMIT:
                return section[: min(end + 2, HEADER_LIMIT) if end >= 0 else HEADER_LIMIT]
        return section

    def after(self, fields: bytes, header: bytes | None = None) -> Content:
        """The same message with `fields` put in front; `header` is what `header` returned for this
        one, where somebody asked."""
        if header is None or len(header) > REMEMBERED:
            return Content((fields, *self.pieces))
        return Content((fields, *self.pieces), fields + header)

    def knowing(self, header: bytes) -> Content:
        """The same message, which remembers its header section unless that is large."""
        return Content(self.pieces, header) if len(header) <= REMEMBERED else self

    def slice(self, start: int, end: int) -> Content:
        """The octets from `start` to `end` as a Content of its own."""
        pieces: list[Piece] = []
        for piece in self.pieces:
            first, last = max(start, 0), min(end, len(piece))
            if first < last:
                pieces.append(_cut(piece, first, last))
            start, end = start - len(piece), end - len(piece)
        return Content(tuple(pieces))


def _cut(piece: Piece, first: int, last: int) -> Piece:
    if isinstance(piece, bytes):
        return piece[first:last]
    return FileSlice(piece.file, piece.offset + first, last - first)


class ContentWriter:
    """Collects a message as it arrives: up to `memory` octets in memory, the rest in `folder`.

    `add` never touches the disk: where it says that memory is full, `spill` must follow, in a
    thread. Every operation on the disk raises OSError. Dropping the writer drops the file.
    """

    def __init__(self, folder: str, memory: int = 1 << 20) -> None:
        self._folder = folder
        self._memory = memory
        self._parts: list[bytes] = []
        self._held = 0
        self._file: OpenFile | None = None
        self._spilt = 0

    @property
    def on_disk(self) -> bool:
        """True where a part is in a file, so that `finish` touches the disk."""
        return self._file is not None

    @property
    def size(self) -> int:
        """Octets so far."""
        return self._spilt + self._held

    def add(self, chunk: bytes) -> bool:
        """Take the next octets. True where memory is full."""
        if self._parts and len(self._parts[-1]) < CRUMB:
            self._parts[-1] += chunk
        else:
            self._parts.append(chunk)
        self._held += len(chunk)
        return self._held > self._memory

    def spill(self) -> None:
        """Write to the file what memory holds."""
        if self._file is None:
            # a file without a name: the kernel forgets the bytes with us, whatever happens
            self._file = _nameless(self._folder)
        for part in self._parts:
            _write_all(self._file.fd, part)
        self._spilt += self._held
        self._parts.clear()
        self._held = 0

    def write(self, chunk: bytes) -> None:
        """Take the next octets, for who is in a thread already."""
        if self.add(chunk):
            self.spill()

    def finish(self) -> Content:
        """Return what was written."""
        if self._file is None:
            return Content((b"".join(self._parts),))
        self.spill()
        return Content((FileSlice(self._file, 0, self._spilt),))


def _nameless(folder: str) -> OpenFile:
    """Return a new file without a name in `folder`, which is made again where it is gone."""
    os.makedirs(folder, mode=0o700, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        return OpenFile(os.dup(file.fileno()))


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def content_of_file(path: str, offset: int = 0) -> Content:
    """Open a message file, in a thread: what follows reads it and should find it in memory.

    Raises OSError.
    """
    file = OpenFile(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(file.fd, 0, 0, os.POSIX_FADV_WILLNEED)
    return Content((FileSlice(file, offset, os.fstat(file.fd).st_size - offset),))
