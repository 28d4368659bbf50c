"""A power cut in an account with several folders: a real folder, of which what was synced is known.

A power cut leaves at least what was synced: octets of files by fsync(2), names by the sync of their
folder. The names in two folders are independent of each other, as if the disk had written each
folder alone.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.store.counted import CountedCalls


class PowerCut(BaseException):
    """The machine is off from here on."""


class PowerSystem(CountedCalls):
    """The power is gone before call number `cut_at` that changes or syncs something."""

    def __init__(self, root: str, cut_at: int) -> None:
        super().__init__()
        self.left = cut_at
        self._root = root
        self._kept: list[int] = []  # descriptors, so that no inode is used again
        self._octets: dict[int, bytes] = {}  # by inode, as synced
        self._times: dict[int, int] = {}  # mtimes in nanoseconds, as synced
        self._names: dict[str, dict[str, int]] = {}  # inodes by folder and name; 0 for a folder
        self._sync_all()

    def called(self) -> None:
        if self.left <= 0:
            raise PowerCut
        self.left -= 1

    def _sync_all(self) -> None:
        for folder, _, files in os.walk(self._root):
            for name in files:
                with open(os.path.join(folder, name), "rb") as file:
                    self._sync_file(file.fileno())
            self._sync_names(folder)

    def _sync_file(self, fd: int) -> None:
        kept = os.dup(fd)
        self._kept.append(kept)
        found = os.fstat(fd)
        self._octets[found.st_ino] = Path(f"/proc/self/fd/{fd}").read_bytes()
        self._times[found.st_ino] = found.st_mtime_ns

    def _sync_names(self, path: str) -> None:
        with os.scandir(path) as entries:
            self._names[path] = {
                entry.name: 0 if entry.is_dir() else entry.inode() for entry in entries
            }

    def lose(self) -> None:
        """Leave what a power cut leaves at least. The cache is gone."""
        shutil.rmtree(self._root)
        os.mkdir(self._root)
        self._restore(self._root)
        self.forget()

    def forget(self) -> None:
        """Forget what was synced."""
        for fd in self._kept:
            os.close(fd)

    def _restore(self, folder: str) -> None:
        for name, inode in self._names.get(folder, {}).items():
            path = os.path.join(folder, name)
            if not inode:
                os.mkdir(path)
                self._restore(path)
            elif not name.startswith("mailhost.db"):
                Path(path).write_bytes(self._octets.get(inode, b""))
                os.utime(path, ns=(0, self._times.get(inode, 0)))

    # --- the calls -------------------------------------------------------------------------------

    def rename(self, old: str, new: str) -> None:
        super().rename(old, new)
        if os.path.isdir(new):  # the names in a folder go along with it
            for folder in list(self._names):
                if folder == old or folder.startswith(f"{old}/"):
                    self._names[new + folder[len(old) :]] = self._names[folder]

    def sync(self, fd: int) -> None:
        self.called()
        self._sync_file(fd)

    def sync_folder(self, path: str) -> None:
        self.called()
        self._sync_names(path)

    def sync_file_system(self, fd: int) -> None:
        self.called()
        self._sync_all()
