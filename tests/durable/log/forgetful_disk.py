"""A disk in memory that forgets at a power cut whatever was not made durable, in any legal way.

Each change of names that was not made durable may be lost or not, with all that it needs: earlier
changes of the same names, and the folders above them. A rename is in one piece. The octets of a
file that was not synced may be there, or a part of them, or zeros. A durable write that has not
returned, or has failed, may be there in any of its sectors. After a sync that failed, the kernel
takes some octets for durable that are not.

At call number `fail_at` it raises `error`, once or `failures` times; so do the next calls of the
kinds in `failing`, as often as that says. At call number `crash_at` the process is dead.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from tests.durable.fake_disk import Crash
from tests.durable.one_by_one import OneByOne

SECTOR = 64  # octets
_FOLDER = 0o40000


@dataclass(eq=False)
class Inode:
    """A file: its octets as processes see them, and as they are on the disk."""

    data: bytearray = field(default_factory=bytearray)
    safe: bytes = b""
    torn: dict[int, bytes] = field(default_factory=dict)  # sectors of failed durable writes
    stuck: bool = False  # a sync failed: the kernel takes `data` for durable, and it is not

    def after_cut(self, random: Random) -> bytes:
        """Return what a power cut leaves."""
        if len(self.safe) == len(self.data):  # written over, in place
            left = bytearray(self.safe)
            for place in range(0, len(left), SECTOR):
                if random.random() < 0.5:
                    left[place : place + SECTOR] = self.data[place : place + SECTOR]
        else:
            length = random.choice((0, len(self.safe), len(self.data)))
            length = random.choice((length, random.randint(0, len(self.data))))
            source = random.choice((bytes(self.data), self.safe))
            left = bytearray(source[:length].ljust(length, b"\0"))
        for place, octets in self.torn.items():
            if random.random() < 0.5:
                left[place : place + len(octets)] = octets
        return bytes(left)

    def sync(self) -> None:
        """Make the octets durable, if the kernel still means to."""
        if not self.stuck and not self.torn:
            self.safe = bytes(self.data)

    def write_torn(self, octets: bytes, place: int) -> None:
        """A durable write begins."""
        for at in range(0, len(octets), SECTOR):
            self.torn[place + at] = octets[at : at + SECTOR]

    def write_durably(self, octets: bytes, place: int) -> None:
        """The durable write has succeeded."""
        end = place + len(octets)
        for at, some in list(self.torn.items()):
            if at < end and place < at + len(some):
                del self.torn[at]
        self.data[place:end] = octets
        safe = bytearray(self.safe)
        safe[place:end] = octets
        self.safe = bytes(safe)


@dataclass(eq=False)
class Change:
    """A change of names: `gone` lose what they are, then `made` get it."""

    gone: tuple[str, ...]
    made: tuple[tuple[str, Inode | None], ...]

    @property
    def paths(self) -> set[str]:
        return {*self.gone, *(path for path, _ in self.made)}


class ForgetfulDisk(OneByOne):
    """Folders are names whose inode is None."""

    shares_syncs = True
    writes_durably = True

    def __init__(self, random: Random, *folders: str) -> None:
        self.random = random
        self.names: dict[str, Inode | None] = {"/": None}
        for folder in folders:
            parts = folder.split("/")
            self.names |= {"/".join(parts[:n]): None for n in range(2, len(parts) + 1)}
        self.safe_names = dict(self.names)
        self.pending: list[Change] = []
        self.open: dict[int, Inode | str] = {}
        self.locks: dict[int, str] = {}
        self.calls: list[str] = []
        self.last_fd = 2
        self.run = 1  # of the machine
        self.errors = self.reported = 0  # of syncs: the next one of everything reports them too
        self.seen: dict[int, int] = {}  # by each descriptor of a folder
        self.fail_at = self.crash_at = -1
        self.failures = 1
        self.only = ""  # the kind of call that fails
        self.failing: dict[str, int] = {}
        self.error: OSError = OSError(errno.EIO, "broken")

    # --- what happens to it ----------------------------------------------------------------------

    def cut_power(self) -> None:
        """Have what a power cut leaves, and no process."""
        chosen: set[int] = set()
        for index, _ in enumerate(self.pending):
            if self.random.random() < 0.5:
                self._choose(index, chosen)
        for index in sorted(chosen):
            self._apply(self.pending[index], self.safe_names)
        self.pending = []
        inodes = {id(each): each for each in self.safe_names.values() if each is not None}
        for inode in inodes.values():
            inode.safe = inode.after_cut(self.random)
            inode.data = bytearray(inode.safe)
            inode.torn = {}
            inode.stuck = False
        self.names = dict(self.safe_names)
        self.run += 1
        self.errors = self.reported = 0
        self.seen.clear()
        self.kill()

    def kill(self) -> None:
        """End all processes."""
        self.open.clear()
        self.locks.clear()
        self.heal()

    def heal(self) -> None:
        """Have no call fail."""
        self.fail_at = self.crash_at = -1
        self.only = ""
        self.failing = {}

    def may_have(self, path: str) -> bool:
        """True if a power cut may leave something of this name, without a log."""
        return path in self.safe_names or any(path in dict(each.made) for each in self.pending)

    def files(self) -> dict[str, bytes]:
        """The files that a process sees."""
        return {path: bytes(inode.data) for path, inode in self.names.items() if inode}

    def _choose(self, index: int, chosen: set[int]) -> None:
        """Choose a change with all that it needs."""
        if index in chosen:
            return
        chosen.add(index)
        paths = self.pending[index].paths
        needed = paths | {above for path in paths for above in _above(path)}
        for earlier in range(index):
            if self.pending[earlier].paths & needed:
                self._choose(earlier, chosen)

    def _sync_names(self, wanted: set[int]) -> None:
        chosen: set[int] = set()
        for index in wanted:
            self._choose(index, chosen)
        for index in sorted(chosen):
            self._apply(self.pending[index], self.safe_names)
        self.pending = [each for index, each in enumerate(self.pending) if index not in chosen]

    def _apply(self, change: Change, names: dict[str, Inode | None]) -> None:
        for path in change.gone:
            names.pop(path, None)
        names.update(change.made)

    def _change(self, gone: Sequence[str], made: Sequence[tuple[str, Inode | None]]) -> None:
        change = Change(tuple(gone), tuple(made))
        self._apply(change, self.names)
        self.pending.append(change)

    # --- the calls -------------------------------------------------------------------------------

    def _call(self, name: str, about: str) -> None:
        number = len(self.calls)
        if self.crash_at >= 0 and number >= self.crash_at:
            raise Crash
        self.calls.append(f"{name} {about}")
        fits = not self.only or self.only == name
        if 0 <= self.fail_at <= number < self.fail_at + self.failures and fits:
            raise OSError(self.error.errno, self.error.strerror, about)
        if self.failing.get(name):
            self.failing[name] -= 1
            raise OSError(self.error.errno, self.error.strerror, about)

    def _fd(self, what: Inode | str) -> int:
        self.last_fd += 1
        self.open[self.last_fd] = what
        return self.last_fd

    def _inode(self, fd: int) -> Inode:
        inode = self.open[fd]
        assert isinstance(inode, Inode)
        return inode

    def _file(self, path: str) -> Inode:
        inode = self.names.get(path)
        if inode is None:
            raise FileNotFoundError(errno.ENOENT, "no such file", path)
        return inode

    def _folder(self, path: str) -> None:
        if self.names.get(path, self) is not None:
            raise FileNotFoundError(errno.ENOENT, "no such folder", path)

    def create(self, path: str) -> int:
        self._call("create", path)
        self._folder(_parent(path))
        if path in self.names:
            raise FileExistsError(errno.EEXIST, "is there", path)
        inode = Inode()
        self._change((), [(path, inode)])
        return self._fd(inode)

    def open_file(self, path: str) -> int:
        self._call("open", path)
        return self._fd(self._file(path))

    def open_to_mend(self, path: str) -> int:
        self._call("open_to_mend", path)
        return self._fd(self._file(path))

    def open_segment(self, path: str) -> int:
        self._call("open_segment", path)
        self._folder(_parent(path))
        if path not in self.names:
            self._change((), [(path, Inode())])
        return self._fd(self._file(path))

    def write(self, fd: int, chunks: Sequence[bytes]) -> None:
        data = b"".join(chunks)
        inode = self._inode(fd)
        inode.data += data[: len(data) // 2]
        self._call("write", str(fd))
        inode.data += data[len(data) // 2 :]

    def write_at(self, fd: int, octets: bytes, place: int) -> None:
        self._call("write_at", str(fd))
        inode = self._inode(fd)
        inode.data[place : place + len(octets)] = octets
        inode.stuck = False

    def truncate(self, fd: int, size: int) -> None:
        self._call("truncate", str(fd))
        del self._inode(fd).data[size:]

    def write_durably(self, fd: int, chunks: Sequence[bytes], place: int) -> None:
        octets, inode = b"".join(chunks), self._inode(fd)
        assert place + len(octets) <= len(inode.safe) == len(inode.data)
        inode.write_torn(octets, place)
        try:
            self._call("write_durably", f"{place}+{len(octets)}")
        except OSError:
            inode.data[place : place + len(octets)] = octets  # the kernel has it, the disk maybe
            raise
        inode.write_durably(octets, place)

    def sync(self, fd: int) -> None:
        inode = self._inode(fd)
        try:
            self._call("sync", str(fd))
        except OSError:
            inode.stuck = True
            self.errors += 1
            raise
        inode.sync()

    def read(self, path: str) -> bytes:
        self._call("read", path)
        return bytes(self._file(path).data)

    def read_head(self, path: str, size: int) -> bytes:
        self._call("read_head", path)
        return bytes(self._file(path).data[:size])

    def forget_cached(self, path: str) -> None:
        self._call("forget_cached", path)
        inode = self._file(path)
        if inode.stuck:
            inode.data, inode.stuck = bytearray(inode.safe), False

    def run_of(self, fd: int) -> bytes:
        return b"run %012d" % self.run

    def size_of(self, fd: int) -> int:
        return len(self._inode(fd).data)

    def list_names(self, folder: str) -> list[str]:
        self._call("names", folder)
        self._folder(folder)
        prefix = f"{folder}/"
        below = [path[len(prefix) :] for path in self.names if path.startswith(prefix)]
        return [name for name in below if "/" not in name]

    def free_space(self, path: str) -> int:
        return 1 << 40

    def device(self, path: str) -> int:
        if path not in self.names:
            raise FileNotFoundError(errno.ENOENT, "no such file", path)
        return 1

    def try_lock(self, path: str) -> int | None:
        if path in self.locks.values():
            return None
        self._folder(_parent(path))
        fd = self._fd("lock")
        self.locks[fd] = path
        return fd

    def set_time_of(self, fd: int, seconds: float) -> None:
        self._call("set_time", str(fd))

    def close(self, fd: int) -> None:
        del self.open[fd]
        self.locks.pop(fd, None)
        self._call("close", str(fd))

    def rename(self, old: str, new: str) -> None:
        self._call("rename", f"{old} {new}")
        self._folder(_parent(new))
        if old not in self.names:
            raise FileNotFoundError(errno.ENOENT, "no such file", old)
        inside = [path for path in self.names if path == old or path.startswith(f"{old}/")]
        made = [(new + path[len(old) :], self.names[path]) for path in inside]
        self._change(inside, made)

    def link(self, old: str, new: str) -> None:
        self._call("link", f"{old} {new}")
        self._folder(_parent(new))
        if new in self.names:
            raise FileExistsError(errno.EEXIST, "is there", new)
        self._change((), [(new, self._file(old))])

    def remove(self, path: str) -> None:
        self._call("remove", path)
        self._file(path)
        self._change([path], ())

    def make_folder(self, path: str) -> None:
        self._call("make_folder", path)
        self._folder(_parent(path))
        if path in self.names:
            raise FileExistsError(errno.EEXIST, "is there", path)
        self._change((), [(path, None)])

    def sync_folder(self, path: str) -> None:
        self._call("sync_folder", path)
        self._folder(path)
        self._sync_names(
            {
                index
                for index, each in enumerate(self.pending)
                if any(_parent(one) == path for one in each.paths)
            }
        )

    def open_folder(self, path: str) -> int:
        self._call("open_folder", path)
        self._folder(path)
        fd = self._fd(path)
        self.seen[fd] = self.reported
        return fd

    def file_system(self, fd: int) -> int:
        return 1

    def sync_file_system(self, fd: int) -> None:
        inodes = [inode for inode in self.names.values() if inode is not None]
        try:
            self._call("sync_everything", str(fd))
        except OSError:
            for inode in inodes:
                inode.stuck |= bytes(inode.data) != inode.safe and self.random.random() < 0.5
            self.errors += 1
            self.seen[fd] = self.reported = self.errors
            raise
        self._sync_names(set(range(len(self.pending))))
        for inode in inodes:
            inode.sync()
        if self.seen.get(fd, self.errors) < self.errors:
            self.seen[fd] = self.reported = self.errors
            raise OSError(errno.EIO, "an earlier sync failed")

    def exists(self, path: str) -> bool:
        return path in self.names

    def same_file(self, one: str, other: str) -> bool:
        return other in self.names and self.names.get(one) is self.names[other]

    def is_folder(self, path: str) -> bool:
        return self.names.get(path, self) is None

    def is_mount(self, path: str) -> bool:
        return path == "/"


def _parent(path: str) -> str:
    return path.rpartition("/")[0] or "/"


def _above(path: str) -> list[str]:
    found = []
    while path != "/":
        path = _parent(path)
        found.append(path)
    return found
