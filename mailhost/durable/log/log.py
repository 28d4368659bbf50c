"""The log as the writer appends to it. One process has it open, by a lock.

Each write is safe when it returns. One that fails may have left any part of its octets on the disk,
so nothing is appended behind it: the next write begins another segment, whose head says where the
records end that count. One segment is kept free for that.

A new log is small. `grow` makes more files, where a checkpoint ends with little room left.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from errno import ENOSPC
from itertools import count, islice

from mailhost.durable.batch import Batch
from mailhost.durable.log.reading import LogContents, read_log
from mailhost.durable.log.records import Kind, NewRecord, Position, seed_of
from mailhost.durable.log.segments import (
    SEGMENT,
    START,
    BadLog,
    SegmentHead,
    make_segment,
    segment_files,
)
from mailhost.durable.system import NO_SHARING, OperatingSystem
from mailhost.interfaces.changes import NewFile
from mailhost.message.content import Content

FOLDER = "log"
ID = "log-id"
LOCK = "lock"
FEWEST_SEGMENTS = 3  # two for records, and a free one
MOST_SEGMENTS = 24
RESERVE = 1024  # octets at the end of a segment that are left for checkpoints
_ID_SIZE = 16
_TIMES_FREE = 4  # the size of a new log that must be free on the disk


class LogFull(Exception):
    """There is no room for more records until a checkpoint was made."""


@dataclass(slots=True)
class _File:
    path: str
    fd: int
    number: int = 0  # of the segment that it has, 0 for a free one
    tried: int = 0  # the number of the last segment that was to be begun in it


class Log:
    """`contents` is what the log in `folder` has. `make_files` and `restart` must be called before
    anything is appended. `lock` is a descriptor that `close` closes, -1 for none. `end` is behind
    the last record that counts."""

    def __init__(
        self,
        system: OperatingSystem,
        folder: str,
        id: bytes,
        contents: LogContents,
        segment: int = SEGMENT,
    ) -> None:
        self._system = system
        self._folder = folder
        self._id = id
        self._seed = seed_of(id)
        self.lock = -1
        self._size = segment
        self._files: list[_File] = []
        self._current: _File | None = None
        self._needed = contents.needed
        self._newest = contents.newest  # the highest number of a segment
        self.was_empty = not contents.records  # when it was read
        self.end = Position(contents.newest, contents.end)
        self.broken = True  # nothing can be appended to the present segment

    # --- files -----------------------------------------------------------------------------------

    def make_files(self) -> None:
        """Open all segments, and make those that are missing. Raises OSError."""
        paths = segment_files(self._system, self._folder)
        self._open(paths)
        for file in self._files:
            file.number = int(file.path in self._needed)
        self._make(max(FEWEST_SEGMENTS - len(paths), 0 if self._free_files() else 1))
        self._system.sync_folder(self._folder)

    def grow(self) -> None:
        """Make twice as many files, where little room is left. May run in a thread, while the log
        is used. Raises OSError."""
        if self._is_below(4):
            self._make(min(len(self._files), MOST_SEGMENTS - len(self._files)))
            self._system.sync_folder(self._folder)

    def _make(self, missing: int) -> None:
        """Make new files."""
        if missing <= 0:
            return
        if self._system.free_space(self._folder) < _TIMES_FREE * missing * self._size:
            raise OSError(ENOSPC, "the disk has too little room for the log", self._folder)
        present = set(segment_files(self._system, self._folder))
        names = (os.path.join(self._folder, str(number)) for number in count())
        self._open(islice((name for name in names if name not in present), missing))

    def _open(self, paths: Iterable[str]) -> None:
        for path in paths:
            fd = make_segment(self._system, path, self._id, self._size)
            self._files.append(_File(path, fd))

    def close(self) -> None:
        """Close all files, and release the lock."""
        for file in self._files:
            self._system.close(file.fd)
        self._files = []
        if self.lock >= 0:
            self._system.close(self.lock)

    # --- room ------------------------------------------------------------------------------------

    @property
    def largest(self) -> int:
        """How many octets of records fit into one segment."""
        return self._size - START - RESERVE

    @property
    def is_crowded(self) -> bool:
        """True if a checkpoint should begin: less than half of the room is left."""
        return self._is_below(2)

    def _is_below(self, part: int) -> bool:
        """True if less than one part of so many is left of the room for records."""
        free = len(self._free_files()) - 1
        left = free * self.largest
        if not self.broken:
            left += self._size - RESERVE - self.end.place
        return left * part < (len(self._files) - 1) * self.largest

    def _free_files(self) -> list[_File]:
        return [file for file in self._files if file.number == 0]

    # --- writing ---------------------------------------------------------------------------------

    def append(self, records: Sequence[NewRecord]) -> None:
        """Write records by one write, safe when this returns. Raises OSError, and LogFull with
        nothing written."""
        size = sum(record.size for record in records)
        if self.broken or self.end.place + size > self._size - RESERVE:
            self._begin_segment(records, size, spared=1)
        else:
            self._write(self._current, self.end, records)

    def checkpoint(self, position: Position) -> None:
        """Note that the file system has what all records before `position` say. Their segments are
        free then. Raises OSError, LogFull."""
        record = NewRecord(Kind.CHECKPOINT, pieces=(position.octets(),))
        if self.broken or self.end.place + record.size > self._size:
            self._begin_segment([record], record.size, spared=0)
        else:
            self._write(self._current, self.end, [record])
        self._free(position.segment)

    def restart(self) -> None:
        """Begin a segment with a checkpoint of all before it: the file system has everything.
        Raises OSError, LogFull."""
        position = Position(self._newest + 1, START)
        record = NewRecord(Kind.CHECKPOINT, pieces=(position.octets(),))
        self._begin_segment([record], record.size, spared=0)
        self._free(position.segment)

    def void(self) -> bool:
        """Begin a segment, so that records of writes that failed do not count. False if all files
        fail that are free."""
        for _ in self._free_files():
            if self.broken:
                with suppress(OSError):
                    self._begin_segment([], 0, spared=0)
        return not self.broken

    def _free(self, below: int) -> None:
        for file in self._files:
            if file.number < below:
                file.number = 0

    def _begin_segment(self, records: Sequence[NewRecord], size: int, spared: int) -> None:
        free = self._free_files()
        if len(free) <= spared or size > self.largest:
            raise LogFull
        file = min(free, key=lambda each: each.tried)  # after a failure another one
        self._newest = file.tried = self._newest + 1
        head = SegmentHead(self._newest, self.end, self._system.run_of(file.fd))
        self._write(file, Position(self._newest, START), records, head.octets(self._id))
        file.number = self._newest
        self._current = file

    def _write(
        self, file: _File | None, at: Position, records: Sequence[NewRecord], head: bytes = b""
    ) -> None:
        assert file is not None
        octets = [head] if head else []
        place = at.place
        for record in records:
            octets += record.octets(self._seed, at.segment, place, at.place)
            place += record.size
        self.broken = True
        self._system.write_durably(file.fd, octets, at.place - len(head))
        self.broken = False
        self.end = Position(at.segment, place)


def why_no_log(system: OperatingSystem, data: str) -> str:
    """Return why the data folder can have no log, empty where it can. Raises OSError."""
    if not system.writes_durably or not system.shares_syncs:
        return "this system has no RWF_DSYNC, or its syncfs reports no errors"
    fd = system.open_folder(data)
    try:
        if system.file_system(fd) == NO_SHARING:
            return "the file system of the data folder is none that reports all errors of a sync"
    finally:
        system.close(fd)
    is_new = not segment_files(system, os.path.join(data, FOLDER))
    if is_new and system.free_space(data) < FEWEST_SEGMENTS * SEGMENT * _TIMES_FREE:
        return "the disk of the data folder has too little room for the log"
    return ""


def lock_log(system: OperatingSystem, data: str) -> int | None:
    """Lock the log of a data folder, whose folder is made where it is missing; None where another
    process has the lock. Raises OSError."""
    folder = os.path.join(data, FOLDER)
    with suppress(FileExistsError):
        system.make_folder(folder)
    return system.try_lock(os.path.join(folder, LOCK))


def open_log(system: OperatingSystem, data: str, segment: int = SEGMENT) -> Log:
    """Open the log for appending, without making files. The caller has its lock. Raises OSError,
    BadLog."""
    folder = os.path.join(data, FOLDER)
    id = data_id(system, data)
    if id is None:
        id = _make_id(system, data)
    contents = read_log(system, folder, id)
    _confirm(system, contents)
    return Log(system, folder, id, contents, segment)


def _confirm(system: OperatingSystem, contents: LogContents) -> None:
    """Write the newest segment again as it was read: if the last write to it has failed, the kernel
    may have octets that the disk has not."""
    path = contents.newest_path
    if path:
        octets = system.read(path)[: contents.end]
        fd = system.open_segment(path)
        try:
            system.write_durably(fd, [octets], 0)
        finally:
            system.close(fd)


def data_id(system: OperatingSystem, data: str) -> bytes | None:
    """Return the id of the data folder, which is in the head of each segment; None where the data
    folder has no log. Raises OSError, BadLog."""
    path, folder = os.path.join(data, ID), os.path.join(data, FOLDER)
    try:
        id = bytes.fromhex(system.read(path).decode("ascii", "replace").strip())
    except FileNotFoundError:
        id = b""
    except ValueError:
        raise BadLog(f"{path} is damaged: restore it from a backup") from None
    if len(id) == _ID_SIZE:
        return id
    if segment_files(system, folder):
        raise BadLog(
            f"{path} is missing or damaged, so {folder} may be the log of another data folder:"
            f" restore the file from a backup, or move {folder} away, which loses the mail of the"
            f" last second before the host stopped"
        )
    return None


def _make_id(system: OperatingSystem, data: str) -> bytes:
    """Give the data folder an id."""
    path, id = os.path.join(data, ID), secrets.token_bytes(_ID_SIZE)
    temporary, content = f"{path}.new", Content((id.hex().encode() + b"\n",))
    with suppress(FileNotFoundError):
        system.remove(temporary)  # a crash left it
    (error,) = Batch(system, [NewFile(temporary, path, (content,), replaces=True)], set()).run()
    if error is not None:
        raise error
    return id
