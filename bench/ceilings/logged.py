"""Messages made durable by a log: a batch is one write, and its files are synced in the background.

The log is a file of a fixed size that was filled with zeros: a write to it changes no metadata, so
the disk has one write to wait for. Once a second, and before the log begins anew, a sync of the
file system makes all files durable.
"""

from __future__ import annotations

import os
import struct
import time
import zlib
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

from mailhost.durable.system import OperatingSystem

SIZE = 64 << 20
CHECKPOINTS = 1.0  # seconds from one to the next
HEAD = struct.Struct("<QII")  # number, length and checksum of a record; the numbers only grow


class Logged:
    """The log and the Maildir of one account below `folder`."""

    def __init__(self, folder: Path, size: int = SIZE) -> None:
        self._system = OperatingSystem()
        self._tmp, self._new = folder / "user" / "tmp", folder / "user" / "new"
        for each in (self._tmp, self._new):
            each.mkdir(parents=True)
        self._size = size
        self._log = os.open(folder / "log", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        for place in range(0, size, 1 << 20):
            os.pwrite(self._log, bytes(min(1 << 20, size - place)), place)
        self.checkpoint()
        self._end = 0
        self._numbers = count()

    def __call__(self, contents: Sequence[bytes]) -> None:
        """Make a batch durable, then make its files, which another program may read at once."""
        numbers = [next(self._numbers) for _ in contents]
        self._append(b"".join(map(record, numbers, contents)))
        for number, content in zip(numbers, contents, strict=True):
            fd = self._system.create(str(self._tmp / str(number)))
            self._system.write(fd, [content])
            self._system.close(fd)
            self._system.rename(str(self._tmp / str(number)), str(self._new / str(number)))

    def _append(self, octets: bytes) -> None:
        if self._end + len(octets) > self._size:
            self.checkpoint()
            self._end = 0
        written = os.pwritev(self._log, [octets], self._end, os.RWF_DSYNC)
        if written < len(octets):
            raise OSError(f"the log took {written} octets of {len(octets)}")
        self._end += written

    def checkpoint(self) -> None:
        """Make all files durable."""
        self._system.sync_file_system(self._log)

    def checkpoint_later(self) -> None:
        """Make one after a pause. A thread calls this again and again."""
        time.sleep(CHECKPOINTS)
        self.checkpoint()

    def close(self) -> None:
        """Close the log."""
        os.close(self._log)


def record(number: int, content: bytes) -> bytes:
    """Return a message as the log has it."""
    return HEAD.pack(number, len(content), zlib.crc32(content)) + content


def records(log: bytes) -> Iterator[tuple[int, bytes]]:
    """Return the numbers and messages of a log, as far as its records are whole and in order."""
    place, expected = 0, -1
    while place + HEAD.size <= len(log):
        number, length, checksum = HEAD.unpack_from(log, place)
        place += HEAD.size
        content = log[place : place + length]
        whole = len(content) == length > 0 and zlib.crc32(content) == checksum
        if not whole or number <= expected:
            return
        yield number, content
        place, expected = place + length, number
