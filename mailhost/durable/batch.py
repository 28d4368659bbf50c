"""One batch of changes made durable together, in a thread.

All files are written, then all are synced, then all get their names, then each folder is synced
once: those that gain a name first, so that a renamed file has one of its two names at any time. So
a name appears only when its data is on the disk, and the cost of syncing is shared.

Where a batch is large, its files are synced by one sync of their file system, and so are its
folders: measured on ext4, 20 small files take half the time or less. If other programs write to the
file system too, such a sync waits for their data.

A change that fails is undone and does not stop the others. If a sync fails, its change
fails: the kernel may have dropped the pages, and a second sync could succeed without them. A bug
while one change is made fails that change, as an OSError whose cause is the bug.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress

from mailhost.durable.folders import FEWEST_FOR_SHARING, Folders, failure
from mailhost.durable.kinds import Work, work_of
from mailhost.durable.system import OperatingSystem
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
        for start in range(0, len(self._works), MOST_OPEN_FILES):
            some = self._works[start : start + MOST_OPEN_FILES]
            self._each(self._prepare, some)
            self._sync_together([work for work in some if work.fd >= 0])
            self._each(self._sync, some)
            self._each(self._name, some)
        changed = {
            folder
            for work in self._works
            if work.error is None
            for folder in (work.gains, work.loses)
            if folder
        }
        self._folders.sync_many(changed)
        self._each(self._sync_gaining, self._works)
        self._each(self._sync_losing, [work for work in self._works if work.loses])
        return [work.error for work in self._works]

    def _each(self, step: Callable[[Work], None], works: Sequence[Work]) -> None:
        for work in works:
            if work.error is not None:
                continue
            try:
                step(work)
            except OSError as error:
                work.error = error
            except Exception as bug:  # noqa: BLE001 - logged by the committer
                work.error = OSError(f"{type(bug).__name__}: {bug}")
                work.error.__cause__ = bug
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

    def _sync_gaining(self, work: Work) -> None:
        if work.gains:
            self._folders.sync(work.gains)
            self._folders.root(os.path.abspath(work.gains))

    def _sync_losing(self, work: Work) -> None:
        with suppress(FileNotFoundError):  # the folder went with the file
            self._folders.sync(work.loses)

    def _undo(self, work: Work) -> None:
        """Leave nothing of a failed change behind. Its first error is the one to report."""
        with suppress(OSError):
            if work.fd >= 0:
                fd, work.fd = work.fd, -1
                self._system.close(fd)
        with suppress(OSError):
            work.undo(self._folders)
