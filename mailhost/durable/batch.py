"""One batch of changes made durable together, in a thread.

All files are written, then all are synced, then all get their names, then each folder is synced
once: those that gain a name first, so that a renamed file has one of its two names at any time. So
a name appears only when its data is on the disk, and the cost of syncing is shared.

Where a batch is large, its files are synced by one sync of their file system, and so are its
folders: measured on ext4, 20 small files take half the time or less. If other programs write to the
file system too, such a sync waits for their data. Files that have a name already, and get another
one, are visible anyhow: many of them get their names first, and one such sync follows.

A change that fails is undone and does not stop the others. If a sync fails, its change
fails: the kernel may have dropped the pages, and a second sync could succeed without them. A bug
while one change is made fails that change, as an OSError whose cause is the bug.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress

from mailhost.durable.folders import FEWEST_FOR_SHARING, Folders, failure
from mailhost.durable.kinds import Work, work_of
from mailhost.durable.system import NO_SHARING, OperatingSystem
from mailhost.interfaces.changes import Change

MOST_OPEN_FILES = 100  # files that one batch holds open at a time


class Batch:
    """Runs once. `durable_names` has the folders whose names are durable, and grows."""

    def __init__(
        self, system: OperatingSystem, changes: Sequence[Change], durable_names: set[str]
    ) -> None:
        self._system = system
        self._folders = Folders(system, durable_names)
        self._works = [work_of(change) for change in changes]

    def run(self) -> list[OSError | None]:
        """Return one result for each change, None for one that is safe."""
        shared = self._begin_shared()
        for start in range(0, len(self._works), MOST_OPEN_FILES):
            some = self._works[start : start + MOST_OPEN_FILES]
            self._each(self._prepare, [work for work in some if not work.synced])
            self._sync_together([work for work in some if work.fd >= 0])
            self._each(self._sync, some)
            self._each(self._name, some)
        self._end_shared(shared)
        good = [work for work in self._works if work.error is None]
        gaining = {work.gains for work in good if work.gains}
        losing = {work.loses for work in good if work.loses}
        self._folders.sync_many(gaining | losing)
        self._sync_written([work for work in good if work.written])
        self._sync_folders(gaining, self._gained, lambda work: work.gains)
        self._sync_folders(losing, self._lost, lambda work: work.loses)
        return [work.error for work in self._works]

    # --- names for files that are there ----------------------------------------------------------

    def _begin_shared(self) -> dict[int, str]:
        """Choose the changes that are names for files which are there, if they are many: one sync
        of the file system makes the octets and the names of all of them durable, and no file is
        opened. Returns the folders that gain the names, by descriptors that are open since
        before."""
        works = [work for work in self._works if work.names_file]
        if len(works) < FEWEST_FOR_SHARING or not self._system.shares_syncs:
            return {}
        opened = self._folders.opened({work.gains for work in works})
        kinds = {fd: self._system.file_system(fd) for fd in opened}
        shared = {opened[fd] for fd, kind in kinds.items() if kind != NO_SHARING}
        for work in works:
            work.synced = work.gains in shared
        return opened

    def _end_shared(self, opened: dict[int, str]) -> None:
        """Make those names durable. `loses` is in the file system of `gains`."""
        works = [work for work in self._works if work.names_file and work.synced]
        try:
            for fds in self._folders.sharing(opened, fewest=1):
                folders = {opened[fd] for fd in fds}
                mine = [work for work in works if work.gains in folders]
                error = failure(self._system.sync_file_system, fds[0])
                self._folders.synced(folders | {work.loses for work in mine if work.loses}, error)
        finally:
            self._folders.close(opened)

    # --- steps -----------------------------------------------------------------------------------

    def _each(self, step: Callable[[Work], None], works: Sequence[Work]) -> None:
        for work in works:
            if work.error is not None:
                continue
            work.error = fault_of(step, work)
            if work.error is not None:
                self._undo(work)

    def _prepare(self, work: Work) -> None:
        work.prepare(self._folders)

    def _sync_together(self, works: Sequence[Work]) -> None:
        """Sync many open files at once. A failure is that of each of them."""
        if len(works) < FEWEST_FOR_SHARING or not self._system.shares_syncs:
            return
        folders = {work.fd: work.gains for work in works}
        for fds in self._folders.sharing(folders):
            error = failure(self._system.sync_file_system, fds[0])
            for work in works:
                if work.fd in fds:
                    work.synced = True
                    work.error = error
                    if error is not None:
                        self._undo(work)

    def _sync(self, work: Work) -> None:
        if work.fd >= 0:
            if not work.synced:
                self._system.sync(work.fd)
            fd, work.fd = work.fd, -1
            self._system.close(fd)

    def _name(self, work: Work) -> None:
        work.name(self._folders)

    def _sync_written(self, works: Sequence[Work]) -> None:
        """Sync files that the caller has written to."""
        for work in works:
            work.error = fault_of(self._folders.sync_file, work.written)

    def _sync_folders(
        self,
        folders: Collection[str],
        sync: Callable[[str], None],
        folder_of: Callable[[Work], str],
    ) -> None:
        """Sync each folder once. A failure is that of each change in it."""
        faults: dict[str, OSError] = {}
        for folder in folders:
            error = fault_of(sync, folder)
            if error is not None:
                faults[folder] = error
        for work in self._works if faults else ():
            if work.error is None and folder_of(work) in faults:
                work.error = faults[folder_of(work)]
                self._undo(work)

    def _gained(self, folder: str) -> None:
        self._folders.sync(folder)
        self._folders.root(os.path.abspath(folder))

    def _lost(self, folder: str) -> None:
        with suppress(FileNotFoundError):  # the folder went with the file
            self._folders.sync(folder)

    def _undo(self, work: Work) -> None:
        """Leave nothing of a failed change behind. Its first error is the one to report."""
        with suppress(OSError):
            if work.fd >= 0:
                fd, work.fd = work.fd, -1
                self._system.close(fd)
        with suppress(OSError):
            work.undo(self._folders)


def fault_of(step: Callable[..., None], *values: object) -> OSError | None:
    """Call `step`, and return what it raises; a bug is the cause of the error."""
    try:
        step(*values)
    except OSError as error:
        return error
    except Exception as bug:  # noqa: BLE001 - logged by the committer
        fault = OSError(f"{type(bug).__name__}: {bug}")
        fault.__cause__ = bug
        return fault
    return None
