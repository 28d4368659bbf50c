"""The folders of one batch: made where they are missing, and each synced once.

A folder's own name counts as well, and those of all above it: they are synced before a file in them
is reported as safe, even if another process made them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

from mailhost.durable.system import NO_SHARING, OperatingSystem

FEWEST_FOR_SHARING = 4  # syncs that one sync of the file system replaces


class Folders:
    """`durable_names` has the folders whose names are durable, and grows."""

    def __init__(self, system: OperatingSystem, durable_names: set[str]) -> None:
        self.system = system
        self._durable_names = durable_names
        self._results: dict[str, OSError | None] = {}  # of the folders that were synced

    def make(self, folder: str) -> None:
        """Make a folder, and those above it that are missing. Raises OSError."""
        if self.system.is_folder(folder):
            return
        self.make(os.path.dirname(folder))
        with suppress(FileExistsError):
            self.system.make_folder(folder)
        self._durable_names.discard(folder)

    def forget(self, folder: str) -> None:
        """The folder was made just now: its name is not durable."""
        self._durable_names.discard(folder)

    def sync_many(self, folders: set[str]) -> None:
        """Sync many folders at once; those that could not be opened are left to be synced alone."""
        system = self.system
        if len(folders) < FEWEST_FOR_SHARING or not system.shares_syncs:
            return
        opened = self.opened(folders)
        try:
            for fds in self.sharing(opened):
                error = failure(system.sync_file_system, fds[0])
                self.synced({opened[fd] for fd in fds}, error)
        finally:
            self.close(opened)

    def opened(self, folders: Iterable[str]) -> dict[int, str]:
        """Return descriptors of those folders that can be opened."""
        opened: dict[int, str] = {}
        for folder in folders:
            with suppress(OSError):
                opened[self.system.open_folder(folder)] = folder
        return opened

    def close(self, opened: Iterable[int]) -> None:
        """Close descriptors of folders."""
        for fd in opened:
            with suppress(OSError):  # nothing was written by it
                self.system.close(fd)

    def synced(self, folders: Iterable[str], error: OSError | None) -> None:
        """The folders were synced by a sync of their file system, which raised `error`."""
        self._results.update(dict.fromkeys(folders, error))

    def sharing(
        self, folders: Mapping[int, str], fewest: int = FEWEST_FOR_SHARING
    ) -> list[list[int]]:
        """Return those descriptors that share a file system with many others, and may share syncs.

        `folders` says where each is; each folder is looked up once.
        """
        systems: dict[str, int] = {}
        groups: dict[int, list[int]] = {}
        for fd, folder in folders.items():
            if folder not in systems:
                systems[folder] = self.system.file_system(fd)
            groups.setdefault(systems[folder], []).append(fd)
        groups.pop(NO_SHARING, None)
        return [group for group in groups.values() if len(group) >= fewest]

    def sync(self, folder: str) -> None:
        """Make the names in a folder durable, once for the whole batch. Raises OSError."""
        if folder not in self._results:
            self._results[folder] = self._synced(folder)
        error = self._results[folder]
        if error is not None:
            raise error

    def _synced(self, folder: str) -> OSError | None:
        try:
            self.system.sync_folder(folder)
        except OSError as error:
            return error
        return None

    def sync_file(self, path: str) -> None:
        """Make the octets of a file durable. Raises OSError."""
        fd = self.system.open_file(path)
        try:
            self.system.sync(fd)
        finally:
            self.system.close(fd)

    def root(self, folder: str) -> None:
        """Make the folder's own name durable, and those of the folders above it. Raises OSError."""
        on_the_way = []
        while folder not in self._durable_names and not self.system.is_mount(folder):
            on_the_way.append(folder)
            folder = os.path.dirname(folder)
            try:
                self.sync(folder)
            except PermissionError:
                break  # we have not made a folder that we may not read
        self._durable_names.update(on_the_way)


def failure(sync: Callable[[int], None], fd: int) -> OSError | None:
    """Call `sync` with a descriptor and return the error that it raises."""
    try:
        sync(fd)
    except OSError as error:
        return error
    return None
