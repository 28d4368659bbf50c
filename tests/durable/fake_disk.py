"""A disk in memory that knows what is on it for good and what only the kernel knows.

At call number `fail_at` it raises `error`, once; at call number `crash_at` the process is dead.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass

from tests.durable.one_by_one import OneByOne


class Crash(BaseException):
    """The process is dead from here on."""


@dataclass(eq=False)
class Inode:
    """A file's bytes as written, and as they are on the disk."""

    data: bytes = b""
    safe: bytes = b""
    syncs: int = 0


class FakeDisk(OneByOne):
    """Paths of folders and files. `names` are those the kernel knows, `safe_names` those on the
    disk; a folder is a name whose inode is None."""

    def __init__(self, *folders: str, shares_syncs: bool = False) -> None:
        self.shares_syncs = shares_syncs
        self.names: dict[str, Inode | None] = {"/": None}
        for folder in folders:
            parts = folder.split("/")
            self.names |= {"/".join(parts[:n]): None for n in range(2, len(parts) + 1)}
        self.safe_names = dict(self.names)
        self.open: dict[int, Inode] = {}
        self.calls: list[str] = []
        self.fail_at = -1
        self.error: Exception = OSError(errno.EIO, "broken")
        self.crash_at = -1
        self.mounts = {"/"}

    # --- what happened ---------------------------------------------------------------------------

    def after_crash(self) -> dict[str, bytes]:
        """The files that are there for sure after a loss of power."""
        return {
            path: inode.safe
            for path, inode in self.safe_names.items()
            if inode is not None and self._reachable(path)
        }

    def after_lucky_crash(self) -> dict[str, bytes]:
        """The same where the kernel wrote every name by itself, but no bytes."""
        return {path: inode.safe for path, inode in self.names.items() if inode is not None}

    def files(self) -> dict[str, bytes]:
        """The files that a process sees."""
        return {path: inode.data for path, inode in self.names.items() if inode is not None}

    def _reachable(self, path: str) -> bool:
        above = os.path.dirname(path)
        return above == path or (above in self.safe_names and self._reachable(above))

    # --- the calls -------------------------------------------------------------------------------

    def _call(self, name: str, about: str) -> None:
        number = len(self.calls)
        if self.crash_at >= 0 and number >= self.crash_at:
            raise Crash
        self.calls.append(f"{name} {about}")
        if number == self.fail_at:
            raise self.error

    def _folder(self, path: str) -> None:
        if self.names.get(path, self) is not None:
            raise FileNotFoundError(errno.ENOENT, "no such folder", path)

    def create(self, path: str) -> int:
        self._call("create", path)
        self._folder(os.path.dirname(path))
        if path in self.names:
            raise FileExistsError(errno.EEXIST, "is there", path)
        fd = 3 + len(self.calls)
        self.names[path] = self.open[fd] = Inode()
        return fd

    def open_file(self, path: str) -> int:
        self._call("open_file", path)
        inode = self.names.get(path)
        if inode is None:
            raise FileNotFoundError(errno.ENOENT, "no such file", path)
        fd = 3 + len(self.calls)
        self.open[fd] = inode
        return fd

    def write(self, fd: int, chunks: Sequence[bytes]) -> None:
        data = b"".join(chunks)
        self.open[fd].data += data[: len(data) // 2]
        self._call("write", str(fd))
        self.open[fd].data += data[len(data) // 2 :]

    def sync(self, fd: int) -> None:
        inode = self.open[fd]
        inode.syncs += 1
        self._call("sync", str(fd))
        inode.safe = inode.data

    def close(self, fd: int) -> None:
        del self.open[fd]
        self._call("close", str(fd))

    def rename(self, old: str, new: str) -> None:
        self._call("rename", f"{old} {new}")
        self._folder(os.path.dirname(new))
        if old not in self.names:
            raise FileNotFoundError(errno.ENOENT, "no such file", old)
        self.names[new] = self.names.pop(old)

    def link(self, old: str, new: str) -> None:
        self._call("link", f"{old} {new}")
        self._folder(os.path.dirname(new))
        if old not in self.names:
            raise FileNotFoundError(errno.ENOENT, "no such file", old)
        if new in self.names:
            raise FileExistsError(errno.EEXIST, "is there", new)
        self.names[new] = self.names[old]

    def same_file(self, one: str, other: str) -> bool:
        return other in self.names and self.names.get(one) is self.names[other]

    def remove(self, path: str) -> None:
        self._call("remove", path)
        if path not in self.names:
            raise FileNotFoundError(errno.ENOENT, "no such file", path)
        del self.names[path]

    def make_folder(self, path: str) -> None:
        self._call("make_folder", path)
        self._folder(os.path.dirname(path))
        if path in self.names:
            raise FileExistsError(errno.EEXIST, "is there", path)
        self.names[path] = None

    def remove_folder(self, path: str) -> None:
        self._call("remove_folder", path)
        if any(name.startswith(f"{path}/") for name in self.names):
            raise OSError(errno.ENOTEMPTY, "not empty", path)
        del self.names[path]

    def sync_folder(self, path: str) -> None:
        self._call("sync_folder", path)
        self._folder(path)
        for name in {*self.names, *self.safe_names} - {"/"}:
            if os.path.dirname(name) != path:
                continue
            if name in self.names:
                self.safe_names[name] = self.names[name]
            else:
                del self.safe_names[name]

    def open_folder(self, path: str) -> int:
        self._call("open", path)
        self._folder(path)
        fd = len(self.calls) + 1000
        self.open[fd] = Inode()
        return fd

    def file_system(self, fd: int) -> int:
        return 1

    def sync_file_system(self, fd: int) -> None:
        self._call("sync everything", str(fd))
        for inode in self.names.values():
            if inode is not None:
                inode.safe = bytes(inode.data)
        self.safe_names = dict(self.names)

    def exists(self, path: str) -> bool:
        return path in self.names

    def is_folder(self, path: str) -> bool:
        return self.names.get(path, self) is None

    def is_mount(self, path: str) -> bool:
        return path in self.mounts
