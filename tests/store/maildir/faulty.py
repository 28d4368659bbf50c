"""Disks that fail, for what is written into Maildirs: real folders, whose calls are counted."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.durable.one_by_one import OneByOne


class PowerCut(BaseException):
    """The machine is off from here on."""


class FaultySystem(OneByOne):
    """At call number `fail_at` it raises `error`; at call number `cut_at` the power is gone.

    `calls` are the names of the calls that change something.
    """

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []
        self.fail_at = -1
        self.error = errno.ENOSPC
        self.cut_at = -1

    def _call(self, name: str) -> None:
        number = len(self.calls)
        if self.cut_at >= 0 and number >= self.cut_at:
            raise PowerCut
        self.calls.append(name)
        if number == self.fail_at:
            raise OSError(self.error, os.strerror(self.error))

    def create(self, path: str) -> int:
        self._call("create")
        return super().create(path)

    def open_to_append(self, path: str) -> int:
        self._call("open_to_append")
        return super().open_to_append(path)

    def write(self, fd: int, chunks: Sequence[bytes]) -> None:
        octets = b"".join(chunks)
        os.write(fd, octets[: len(octets) // 2])
        self._call("write")
        os.write(fd, octets[len(octets) // 2 :])

    def truncate(self, fd: int, size: int) -> None:
        self._call("truncate")
        super().truncate(fd, size)

    def set_time(self, path: str, seconds: float) -> None:
        self._call("set_time")
        super().set_time(path, seconds)

    def sync(self, fd: int) -> None:
        self._call("sync")

    def rename(self, old: str, new: str) -> None:
        self._call("rename")
        super().rename(old, new)

    def remove(self, path: str) -> None:
        self._call("remove")
        super().remove(path)

    def sync_folder(self, path: str) -> None:
        self._call("sync_folder")


class LosingSystem(FaultySystem):
    """Knows what of the folder `folder` is on the disk, and puts that there by `lose`."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self._folder = folder
        self._octets: dict[int, bytes] = {}  # by inode, as synced
        self._names: dict[str, int] = {}
        self.sync_folder(folder)

    def sync(self, fd: int) -> None:
        super().sync(fd)
        self._octets[os.fstat(fd).st_ino] = Path(f"/proc/self/fd/{fd}").read_bytes()

    def sync_folder(self, path: str) -> None:
        super().sync_folder(path)
        with os.scandir(self._folder) as entries:
            self._names = {entry.name: entry.inode() for entry in entries if entry.is_file()}

    def lose(self) -> None:
        """Leave in the folder what a power cut leaves at least."""
        for name in os.listdir(self._folder):
            os.unlink(os.path.join(self._folder, name))
        for name, inode in self._names.items():
            Path(self._folder, name).write_bytes(self._octets.get(inode, b""))


def each_fault(
    make: Callable[[], FaultySystem], run: Callable[[FaultySystem], None], most: int = 60
) -> int:
    """Call `run` with systems that fail at their first call, their second, and so on, until one
    comes to its end without a fault. Returns how many failed."""
    for number in range(most):
        system = make()
        before = len(system.calls)
        system.fail_at = before + number
        run(system)
        if len(system.calls) <= system.fail_at:
            return number
    raise AssertionError("more calls than that")
