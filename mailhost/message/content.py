"""The octets of a message: in memory up to a limit, otherwise in a file.

A Content is a sequence of pieces; each piece is bytes or a slice of an open file. Adding fields in
front and cutting fields out make new sequences of the same pieces; nothing is copied. Files are
read with pread, so that several readers, in any threads, do not disturb each other. A file is
closed, and its disk space freed, when the last piece that refers to it is deleted.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

CHUNK_SIZE = 1 << 16  # octets
HEADER_LIMIT = 1 << 20  # octets of a header section that are read at most
LARGEST_KNOWN_HEADER = 1 << 14  # octets of a header section that is kept, to be read only once
# octets; smaller pieces are joined, because each bytes object takes 50 octets besides its own
SMALLEST_PIECE = 1 << 10


class OpenFile:
    """A file descriptor that is closed when its last reference is deleted."""

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
    """The whole message. `known` is its header section if that was read already, otherwise None."""

    pieces: tuple[Piece, ...]
    known: bytes | None = field(default=None, compare=False, repr=False)

    @property
    def size(self) -> int:
        """The size of the message in octets."""
        return sum(map(len, self.pieces))

    @property
    def in_memory(self) -> bool:
        """True where reading the message does not read a file."""
        return all(isinstance(piece, bytes) for piece in self.pieces)

    def chunks(self, size: int = CHUNK_SIZE) -> Iterator[bytes]:
        """Yield the octets in order, at most `size` at once.

        Raises OSError, also for a file that has become shorter.
        """
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
        """Return the first `limit` octets, all of them for None. For small messages and tests.

        Raises OSError.
        """
        if len(self.pieces) == 1 and limit is None:
            piece = self.pieces[0]
            if isinstance(piece, bytes):
                return piece
        whole = bytearray()
        for chunk in self.chunks():
            whole += chunk
            if limit is not None and len(whole) >= limit:
                return bytes(whole[:limit])
        return bytes(whole)

    def header(self) -> bytes:
        """Return the header section with its last CRLF, without the empty line after it.

        A section of more than HEADER_LIMIT octets is cut there. Raises OSError.
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
        """Return the same message with `fields` in front.

        `header` is the header section of this message if the caller knows it.
        """
        if header is None or len(header) > LARGEST_KNOWN_HEADER:
            return Content((fields, *self.pieces))
        return Content((fields, *self.pieces), fields + header)

    def with_known_header(self, header: bytes) -> Content:
        """Return the same message with its header section in `known`, unless that is large."""
        return Content(self.pieces, header) if len(header) <= LARGEST_KNOWN_HEADER else self

    def slice(self, start: int, end: int) -> Content:
        """Return the octets from `start` to `end` as another Content."""
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

    `add` never writes to the disk: when it returns True, `spill` must be called in a thread. Each
    method that writes to the disk raises OSError. The file is deleted with the writer, unless
    `finish` has put it into a Content.
    """

    def __init__(self, folder: str, memory: int = 1 << 20) -> None:
        self._folder = folder
        self._memory = memory
        self._pieces: list[bytes] = []
        self._held = 0
        self._file: OpenFile | None = None
        self._spilt = 0

    @property
    def on_disk(self) -> bool:
        """True where some octets are in a file, so that `finish` writes to the disk."""
        return self._file is not None

    @property
    def size(self) -> int:
        """The number of octets so far."""
        return self._spilt + self._held

    def add(self, chunk: bytes) -> bool:
        """Add the next octets. Return True where more than `memory` octets are in memory."""
        if self._pieces and len(self._pieces[-1]) < SMALLEST_PIECE:
            self._pieces[-1] += chunk
        else:
            self._pieces.append(chunk)
        self._held += len(chunk)
        return self._held > self._memory

    def spill(self) -> None:
        """Write the octets in memory to the file. Blocks; raises OSError."""
        if self._file is None:
            # a file without a name: the kernel deletes it when this process ends, however it ends
            self._file = _nameless(self._folder)
        for part in self._pieces:
            _write_all(self._file.fd, part)
        self._spilt += self._held
        self._pieces.clear()
        self._held = 0

    def write(self, chunk: bytes) -> None:
        """Add the next octets, and write them to the file if need be. Blocks; raises OSError."""
        if self.add(chunk):
            self.spill()

    def finish(self) -> Content:
        """Return the message. Writes to the file if there is one: blocks, raises OSError."""
        if self._file is None:
            return Content((b"".join(self._pieces),))
        self.spill()
        return Content((FileSlice(self._file, 0, self._spilt),))


def _nameless(folder: str) -> OpenFile:
    """Return a new file without a name in `folder`. A missing folder is made."""
    os.makedirs(folder, mode=0o700, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        return OpenFile(os.dup(file.fileno()))


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def content_of_file(path: str, offset: int = 0) -> Content:
    """Open the message file at `path`; the message begins at `offset`.

    The kernel is asked to read the file into its page cache. To be called in a thread: blocks.
    Raises OSError.
    """
    return content_of_descriptor(os.open(path, os.O_RDONLY | os.O_CLOEXEC), offset)


def content_of_descriptor(descriptor: int, offset: int = 0) -> Content:
    """As `content_of_file`, for a file that is open; it is closed with the Content."""
    file = OpenFile(descriptor)
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(file.fd, 0, 0, os.POSIX_FADV_WILLNEED)
    return Content((FileSlice(file, offset, os.fstat(file.fd).st_size - offset),))
