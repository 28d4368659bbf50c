"""`dovecot-uidlist` of one folder, read and written beside Dovecot.

Reading takes no lock: the file grows at its end or is replaced as a whole. Writing needs the file's
dotlock. A UID is told to a client only after its line is on the disk: `append` syncs what it wrote,
`read` what another program wrote just before.

`Place` remembers how far the file was read, over restarts too. As long as the file only grew, the
rest is read from there; a file that was replaced is read from its beginning. Everything blocks.
"""

from __future__ import annotations

import os
from collections.abc import Container, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from zlib import crc32

from mailhost.durable.system import OperatingSystem
from mailhost.store.maildir.dotlock import PATIENCE, Dotlock, Dotlocks
from mailhost.store.maildir.uid_list import (
    Header,
    UidList,
    can_be_listed,
    parse,
    parse_header,
    whole_lines,
)
from mailhost.store.maildir.uid_validity import new_guid
from mailhost.store.maildir.whole_file import replace_file

NAME = "dovecot-uidlist"
DEAD_SHARE = 4  # the file is rewritten when one of so many lines is dead
DAMAGED = -1  # as the check of a place
_TAIL = 64  # octets before a place that are compared
LONGEST_LINE = 4096  # octets of the first line that are compared
AT_ONCE = 1 << 20  # octets that are read by one call


class NoUidList(OSError):
    """The file is missing, or is no list of UIDs: the folder needs a new one."""


@dataclass(frozen=True, slots=True)
class Place:
    """How far a file was read: `size` octets, which hold whole lines.

    `last_uid` and `lines` are those of the part that was read. `check` tells a file that got the
    inode number of the one before from that one. It is DAMAGED where lines were broken: such a file
    is read from its beginning each time, until it is written anew.
    """

    device: int
    inode: int
    size: int
    last_uid: int
    lines: int
    check: int


@dataclass(frozen=True, slots=True)
class Part:
    """The part of the file that was read. `whole` says that `uid_list` is the whole file, and not
    only what follows the place where the last reading ended. `first` is the first line of the file,
    `tail` has the last octets before `place`. `ragged` says that half a line follows it."""

    uid_list: UidList
    place: Place
    whole: bool
    first: bytes = b""
    tail: bytes = b""
    ragged: bool = False


class UidListFile:
    """The file of the folder at `folder`."""

    def __init__(self, folder: str, system: OperatingSystem, dotlocks: Dotlocks) -> None:
        self.path = os.path.join(folder, NAME)
        self._folder = folder
        self._system = system
        self._dotlocks = dotlocks

    def lock(self, patience: float = PATIENCE) -> Dotlock:
        """Keep all others from writing. Raises LockTimeout, OSError."""
        return self._dotlocks.take(self.path, patience)

    def read(self, since: Place | None = None) -> Part | None:
        """Return what is new after `since`, or all where the file was replaced.

        None where there is no list of UIDs. All lines that are returned are on the disk. Raises
        OSError.
        """
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            part = _read(fd, since)
            if part is not None and (since is None or part.place != since):
                self._system.sync(fd)
        finally:
            os.close(fd)
        if part is not None and part.whole:
            self._system.sync_folder(self._folder)
        return part

    def create(self, lock: Dotlock, header: Header, bases: Iterable[str] = ()) -> Part:
        """Write a new file with these messages, in place of what is there. Raises OSError."""
        uid_list = UidList(header)
        for base in bases:
            uid_list.add(base)
        return self.write(lock, uid_list)

    def append(
        self,
        lock: Dotlock,
        new: Iterable[tuple[str, str]],
        part: Part | None = None,
        above: int = 0,
        sync: bool = True,
    ) -> Part:
        """Give UIDs to new messages, in order. Each is a base name with the fields of its line.

        Messages that are listed keep their UIDs, unless those are below `above`: a file that came
        back after its message had vanished is a new message. `part` is what was read since the file
        is locked, None for nothing: the caller does not name messages that it knows from before.
        Names that no line can hold get no UID.

        Returns the part with these messages. The lines are on the disk then; without `sync` they
        are after a sync of the file. Raises NoUidList, LockTimeout, UidsExhausted, and OSError;
        nothing was written in that case, as far as can be.
        """
        part = part or self._read_locked()
        wanted = _wanted(part, new := list(new), above)
        if not wanted:
            return part
        if _must_be_rewritten(part):
            part = part if part.whole else self._read_locked()
            part.uid_list.add_all(_wanted(part, new, above))
            return self.write(lock, part.uid_list)
        first = part.uid_list.next_uid
        part.uid_list.add_all(wanted)
        octets = part.uid_list.lines_from(first).encode("utf-8", "surrogateescape")
        lock.check()
        self._append(octets, part.place.size, sync)
        return _after(part, octets)

    def _read_locked(self) -> Part:
        part = self.read()
        if part is None:
            raise NoUidList(f"{self.path} is missing or broken")
        return part

    def _append(self, octets: bytes, size: int, sync: bool) -> None:
        fd = self._system.open_to_append(self.path)
        try:
            try:
                self._system.write(fd, [octets])
                if sync:
                    self._system.sync(fd)
            except OSError:
                with suppress(OSError):  # readers leave out half a line
                    self._system.truncate(fd, size)
                raise
        finally:
            self._system.close(fd)

    def rewrite(self, lock: Dotlock, alive: Container[str] | None = None) -> Part:
        """Write the file anew, without the lines of messages that are not among `alive`.

        Also a file of version 1 or a damaged one. All others keep their UIDs, and the header tells
        the next one. Raises NoUidList, LockTimeout, OSError.
        """
        part = self._read_locked()
        dead = [base for base in part.uid_list.uids if alive is not None and base not in alive]
        for base in dead:
            part.uid_list.extensions.pop(part.uid_list.uids.pop(base), None)
        header = part.uid_list.header
        part.uid_list.header = replace(header, guid=header.guid or new_guid())
        return self.write(lock, part.uid_list)

    def write(self, lock: Dotlock, uid_list: UidList) -> Part:
        """Write a whole list in place of what is there. Raises LockTimeout, OSError."""
        octets = uid_list.text().encode("utf-8", "surrogateescape")
        lock.check()
        replace_file(self._system, self.path, f"{self.path}.tmp", octets)
        part = self.read()
        if part is None:
            raise NoUidList(f"{self.path} was not written")
        return part


def worth_rewriting(lines: int, dead: int) -> bool:
    """True where so many of a file's lines are dead that it is to be rewritten."""
    return dead > 0 and dead * DEAD_SHARE >= lines


def _must_be_rewritten(part: Part) -> bool:
    return part.ragged or part.uid_list.needs_rewriting


def _wanted(part: Part, new: Iterable[tuple[str, str]], above: int) -> dict[str, str]:
    """Those of the messages that need a UID, each once."""
    uids = part.uid_list.uids
    return {
        base: fields
        for base, fields in new
        if (base not in uids or uids[base] < above) and can_be_listed(base)
    }


def _after(part: Part, octets: bytes) -> Part:
    """Return the same part, with the lines that were written at the end of the file."""
    place, uid_list, size = part.place, part.uid_list, part.place.size + len(octets)
    tail = (part.tail + octets)[-_TAIL:]
    check = _check(part.first, tail)
    place = Place(place.device, place.inode, size, uid_list.last_uid, uid_list.lines, check)
    return Part(uid_list, place, part.whole, part.first, tail)


def _read(fd: int, since: Place | None) -> Part | None:
    found, first = os.fstat(fd), _first_line(fd)
    if (
        since is not None
        and (found.st_dev, found.st_ino) == (since.device, since.inode)
        and found.st_size >= since.size
        and _check(first, tail := _tail(fd, since.size)) == since.check
    ):
        return _read_rest(fd, first, tail, since)
    octets = _from(fd, 0)
    uid_list = parse(octets)
    return None if uid_list is None else _part(fd, first, uid_list, octets, 0)


def _read_rest(fd: int, first: bytes, tail: bytes, since: Place) -> Part | None:
    header, damaged = parse_header(_text(first).removesuffix("\n"))
    if header is None:
        return None
    octets = _from(fd, since.size)
    uid_list = UidList(header, since.last_uid, since.lines)
    if not octets and not damaged:
        return Part(uid_list, since, False, first, tail)
    uid_list.read_lines(_text(whole_lines(octets)))
    uid_list.damaged |= damaged
    return _part(fd, first, uid_list, octets, since.size)


def _part(fd: int, first: bytes, uid_list: UidList, octets: bytes, start: int) -> Part:
    found = os.fstat(fd)
    size = start + len(whole_lines(octets))
    tail = _tail(fd, size)
    check = DAMAGED if uid_list.damaged else _check(first, tail)
    place = Place(found.st_dev, found.st_ino, size, uid_list.last_uid, uid_list.lines, check)
    return Part(uid_list, place, start == 0, first, tail, ragged=start + len(octets) > size)


def _check(first: bytes, tail: bytes) -> int:
    """Return a number of the first line and of the octets before a place."""
    return crc32(tail, crc32(first))


def _tail(fd: int, size: int) -> bytes:
    return os.pread(fd, min(_TAIL, size), max(0, size - _TAIL))


def _first_line(fd: int) -> bytes:
    octets = os.pread(fd, LONGEST_LINE, 0)
    return octets[: octets.find(b"\n") + 1 or LONGEST_LINE]


def _from(fd: int, start: int) -> bytes:
    """Return the octets of a file from `start` to its end."""
    parts = []
    while part := os.pread(fd, AT_ONCE, start):
        parts.append(part)
        start += len(part)
    return b"".join(parts)


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "surrogateescape")
