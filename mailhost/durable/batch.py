"""One batch of changes made durable together, in a thread.

All files are written, then all are synced, then all are renamed, then each folder is synced once.
So a name appears only when its data is on the disk, and the cost of syncing is shared. A folder's
own name counts as well, and those of all above it: whoever made them, they are synced before the
first file in them is called safe.

Where a batch is large, its files are synced by one sync of their file system, and so are its
folders: measured on ext4, 20 small files take half the time or less. A file system that others
write to as well makes us wait for them.

A change that fails is undone and does not stop the others. A failed sync fails its change: the
kernel may have dropped the pages, so trying again would prove nothing. A bug while one change is
made fails that change, as an OSError whose cause is the bug.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from mailhost.durable.system import NO_SHARING, OperatingSystem
from mailhost.interfaces.changes import Change, NewFile, RemovedFile

MOST_OPEN = 100  # files that one batch holds open at a time
TOGETHER = 1 << 18  # octets written by one call: a small message is one
MOST_CHUNKS = 500
MANY = 4  # syncs that one sync of the file system replaces


@dataclass(slots=True)
class _Work:
    """A change, how far it came, and the error that stopped it."""

    change: Change
    fd: int = -1
    made: bool = False
    synced: bool = False
    named: bool = False
    error: OSError | None = None


class Batch:
    """Runs once. `rooted` has the folders whose names are durable, and grows."""

    def __init__(
        self, system: OperatingSystem, changes: Sequence[Change], rooted: set[str]
    ) -> None:
        self._system = system
        self._works = [_Work(change) for change in changes]
        self._rooted = rooted
        self._folders: dict[str, OSError | None] = {}

    def run(self) -> list[OSError | None]:
        """Return one result for each change, None for one that is safe."""
        for start in range(0, len(self._works), MOST_OPEN):
            some = self._works[start : start + MOST_OPEN]
            self._each(self._write, some)
            self._sync_together([work for work in some if work.fd >= 0])
            self._each(self._sync, some)
            self._each(self._name, some)
        self._sync_folders_together()
        self._each(self._sync_folder, self._works)
        return [work.error for work in self._works]

    def _each(self, step: Callable[[_Work], None], works: Sequence[_Work]) -> None:
        for work in works:
            self._try(step, work)

    def _try(self, step: Callable[[_Work], None], work: _Work) -> None:
        if work.error is not None:
            return
        try:
            step(work)
        except OSError as error:
            work.error = error
        except Exception as bug:  # noqa: BLE001 - told by the committer
            work.error = OSError(f"{type(bug).__name__}: {bug}")
            work.error.__cause__ = bug
        if work.error is not None:
            self._undo(work)

    def _write(self, work: _Work) -> None:
        if isinstance(work.change, RemovedFile):
            return
        if work.change.again and self._is_there(work.change):
            work.made = work.named = True
            return
        work.fd = self._create(work.change)
        work.made = True
        waiting: list[bytes] = []
        size = 0
        for content in work.change.contents:
            for chunk in content.chunks():
                waiting.append(chunk)
                size += len(chunk)
                if size >= TOGETHER or len(waiting) == MOST_CHUNKS:
                    self._system.write(work.fd, waiting)
                    waiting, size = [], 0
        if waiting:
            self._system.write(work.fd, waiting)

    def _is_there(self, change: NewFile) -> bool:
        """True where it was renamed already, and so is written and synced. What was not is begun
        anew."""
        if not change.replaces and self._system.exists(change.final):
            return True
        with suppress(FileNotFoundError):
            self._system.remove(change.temporary)
        return False

    def _create(self, change: NewFile) -> int:
        path = change.temporary
        try:
            return self._system.create(path)
        except FileNotFoundError:
            self._make_folders(os.path.dirname(path))
            if change.beside:  # its name is synced with those of the others, by `_root`
                self._make_folders(change.beside)
            return self._system.create(path)

    def _sync_together(self, works: Sequence[_Work]) -> None:
        """Sync many open files at once. A failure is that of each of them."""
        if len(works) < MANY or not self._system.shares_syncs:
            return
        folders = {work.fd: _folder(work.change) for work in works}
        for fds in self._by_file_system(folders):
            error = _failure(self._system.sync_file_system, fds[0])
            for work in works:
                if work.fd in fds:
                    work.synced = True
                    work.error = error
                    if error is not None:
                        self._undo(work)

    def _by_file_system(self, folders: Mapping[int, str]) -> list[list[int]]:
        """Return those descriptors that share a file system with many others, and may share syncs.

        `folders` says where each is; a folder is asked but once.
        """
        systems: dict[str, int] = {}
        groups: dict[int, list[int]] = {}
        for fd, folder in folders.items():
            if folder not in systems:
                systems[folder] = self._system.file_system(fd)
            groups.setdefault(systems[folder], []).append(fd)
        groups.pop(NO_SHARING, None)
        return [group for group in groups.values() if len(group) >= MANY]

    def _sync(self, work: _Work) -> None:
        if work.fd >= 0:
            if not work.synced:
                self._system.sync(work.fd)
            fd, work.fd = work.fd, -1
            self._system.close(fd)

    def _name(self, work: _Work) -> None:
        change = work.change
        if isinstance(change, RemovedFile):
            with suppress(FileNotFoundError):
                self._system.remove(change.path)
            return
        if work.named:
            return
        try:
            self._system.rename(change.temporary, change.final)
        except FileNotFoundError:
            self._make_folders(os.path.dirname(change.final))
            self._system.rename(change.temporary, change.final)
        work.named = True

    def _sync_folders_together(self) -> None:
        """Sync many folders at once; those that could not be opened are left to be synced alone."""
        if not self._system.shares_syncs:
            return
        folders = {_folder(work.change) for work in self._works if work.error is None}
        if len(folders) < MANY:
            return
        opened: dict[int, str] = {}
        try:
            for folder in folders:
                with suppress(OSError):
                    opened[self._system.open_folder(folder)] = folder
            for fds in self._by_file_system(opened):
                error = _failure(self._system.sync_file_system, fds[0])
                self._folders.update({opened[fd]: error for fd in fds})
        finally:
            for fd in opened:
                with suppress(OSError):  # nothing was written by it
                    self._system.close(fd)

    def _sync_folder(self, work: _Work) -> None:
        change = work.change
        if isinstance(change, NewFile):
            self._sync_names(_folder(change))
            self._root(os.path.abspath(_folder(change)))
            return
        with suppress(FileNotFoundError):  # the folder went with the file
            self._sync_names(_folder(change))

    def _sync_names(self, folder: str) -> None:
        """Make the names in a folder durable, once for the whole batch."""
        if folder not in self._folders:
            self._folders[folder] = self._synced(folder)
        error = self._folders[folder]
        if error is not None:
            raise error

    def _synced(self, folder: str) -> OSError | None:
        try:
            self._system.sync_folder(folder)
        except OSError as error:
            return error
        return None

    def _root(self, folder: str) -> None:
        """Make the folder's own name durable, and those of the folders above it."""
        on_the_way = []
        while folder not in self._rooted and not self._system.is_mount(folder):
            on_the_way.append(folder)
            folder = os.path.dirname(folder)
            try:
                self._sync_names(folder)
            except PermissionError:
                break  # what we may not even read we have not made
        self._rooted.update(on_the_way)

    def _make_folders(self, folder: str) -> None:
        """Make a folder, and those above it that are missing."""
        if self._system.is_folder(folder):
            return
        self._make_folders(os.path.dirname(folder))
        with suppress(FileExistsError):
            self._system.make_folder(folder)
        self._rooted.discard(folder)

    def _undo(self, work: _Work) -> None:
        """Leave nothing of a failed file behind; the error that failed it is the one to tell.

        What replaced an older file stays: the older one cannot be brought back.
        """
        if work.fd >= 0:
            with suppress(OSError):
                self._system.close(work.fd)
            work.fd = -1
        change = work.change
        if work.made and isinstance(change, NewFile) and not (work.named and change.replaces):
            with suppress(OSError):
                self._system.remove(change.final if work.named else change.temporary)


def _folder(change: Change) -> str:
    return os.path.dirname(change.final if isinstance(change, NewFile) else change.path)


def _failure(sync: Callable[[int], None], fd: int) -> OSError | None:
    try:
        sync(fd)
    except OSError as error:
        return error
    return None
