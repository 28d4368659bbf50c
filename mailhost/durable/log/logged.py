"""One batch of changes made with the log.

New files are written under their temporary names without a sync. One write to the log makes their
records durable, and those of removals. Then the files get their names, and what is to be removed is
removed. A change for which the log is not meant is made by a `Batch`, after the log was settled for
its file: a large file, which would be written twice, a rename, and a file in a folder that is new,
or on another file system.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from mailhost.durable.batch import Batch, fault_of
from mailhost.durable.folders import Folders
from mailhost.durable.kinds import Work, work_of
from mailhost.durable.log.checkpoints import Checkpoints
from mailhost.durable.log.log import Log
from mailhost.durable.log.names import IN_DOUBT, base_name
from mailhost.durable.log.records import LONGEST_PATH, Kind, NewRecord
from mailhost.durable.log.settled import settled_batch
from mailhost.durable.system import OperatingSystem
from mailhost.interfaces.changes import Change, NewFile, RemovedFile

LARGEST_LOGGED = 1 << 18  # octets of a file whose content goes to the log


@dataclass(slots=True)
class _Logged:
    """A change on its way through the log. `index` is its place in the batch."""

    index: int
    change: Change
    record: NewRecord
    work: Work


class LoggedBatches:
    """Makes batches, one after the other. `data` is the path of the data folder. `durable_names` is
    that of Batch."""

    def __init__(
        self,
        system: OperatingSystem,
        data: str,
        log: Log,
        checkpoints: Checkpoints,
        durable_names: set[str],
    ) -> None:
        self._system = system
        self._prefix = f"{data}/"
        self._device = system.device(data)
        self._log = log
        self._checkpoints = checkpoints
        self._durable_names = durable_names
        self._ours: set[str] = set()  # folders on the file system of the data folder

    def run(self, changes: Sequence[Change]) -> list[OSError | None]:
        """Return one result for each change, None for one that is safe."""
        folders = Folders(self._system, self._durable_names)
        logged = self._prepared(changes, folders) if self._checkpoints.on else []
        not_written: list[_Logged] = []
        for group in self._groups([each for each in logged if each.work.error is None]):
            if self._checkpoints.append([each.record for each in group]):
                self._name(group, folders)
            else:
                self._undo(group, folders)
                not_written += group
        self._checkpoints.written()
        errors = {each.index: each.work.error for each in logged}
        others = [index for index in range(len(changes)) if index not in errors]
        errors |= self._without_log(changes, others + [each.index for each in not_written])
        if any(errors[each.index] for each in not_written):
            self._checkpoints.void()
        return [errors[index] for index in range(len(changes))]

    # --- what goes to the log --------------------------------------------------------------------

    def _prepared(self, changes: Sequence[Change], folders: Folders) -> list[_Logged]:
        """Return the changes that go to the log, with their files written, without a sync."""
        logged = []
        now = time.time_ns()
        for index, change in enumerate(changes):
            record = self._record_of(change, now)
            if record is not None:
                each = _Logged(index, change, record, work_of(change))
                each.work.error = fault_of(self._prepare, each.work, folders)
                logged.append(each)
        return logged

    def _record_of(self, change: Change, now: int) -> NewRecord | None:
        """Return the record of a change, None for one that does not go to the log."""
        if isinstance(change, NewFile):
            if change.again or change.size > LARGEST_LOGGED or not change.in_memory:
                return None
            path = self._logged_path(change.final)
            pieces = [chunk for content in change.contents for chunk in content.chunks()]
            modified = now if change.modified is None else _nanoseconds(change.modified, now)
            return None if path is None else NewRecord(Kind.FILE, path, pieces, modified)
        if isinstance(change, RemovedFile):
            if self._checkpoints.is_in_doubt(base_name(change.path)):
                return None
            path = self._logged_path(change.path)
            return None if path is None else NewRecord(Kind.GONE, path)
        return None

    def _logged_path(self, path: str) -> bytes | None:
        """Return a path as it is in a record, None for one that no record can have."""
        if not path.startswith(self._prefix) or not self._is_ours(os.path.dirname(path)):
            return None
        name = os.fsencode(path[len(self._prefix) :])
        return name if len(name) <= LONGEST_PATH else None

    def _is_ours(self, folder: str) -> bool:
        """True for a folder that is there, on the file system of the log. The name of a new one is
        to be durable before another process relies on it."""
        if folder not in self._ours:
            if not self._system.is_folder(folder) or self._system.device(folder) != self._device:
                return False
            self._ours.add(folder)
        return True

    def _prepare(self, work: Work, folders: Folders) -> None:
        """Write the file. Raises OSError, with nothing left behind."""
        try:
            work.prepare(folders)
        except BaseException:
            with suppress(OSError):
                self._close(work)
            with suppress(OSError):
                work.undo(folders)
            raise
        self._close(work)

    def _close(self, work: Work) -> None:
        if work.fd >= 0:
            fd, work.fd = work.fd, -1
            self._system.close(fd)

    def _groups(self, logged: Sequence[_Logged]) -> Iterator[list[_Logged]]:
        """Yield groups that fit into a segment."""
        group: list[_Logged] = []
        size = 0
        for each in logged:
            if group and size + each.record.size > self._log.largest:
                yield group
                group, size = [], 0
            group.append(each)
            size += each.record.size
        if group:
            yield group

    # --- names -----------------------------------------------------------------------------------

    def _name(self, group: Sequence[_Logged], folders: Folders) -> None:
        """Make the changes visible, whose records are safe."""
        for each in group:
            each.work.error = fault_of(each.work.name, folders)
        failed = [each for each in group if each.work.error is not None]
        if failed:
            self._undo(failed, folders)
            self._take_back(failed)

    def _undo(self, group: Sequence[_Logged], folders: Folders) -> None:
        for each in group:
            with suppress(OSError):
                each.work.undo(folders)

    def _take_back(self, failed: Sequence[_Logged]) -> None:
        """Have the records of failed changes not count: a new file is recorded as removed, a
        removal needs a checkpoint. A file that replaces another one keeps its record, as either of
        them may be there after an error."""
        gone = [
            NewRecord(Kind.GONE, each.record.path)
            for each in failed
            if isinstance(each.change, NewFile) and not each.change.replaces
        ]
        is_recorded = not gone or self._checkpoints.append(gone)
        if not is_recorded or any(isinstance(each.change, RemovedFile) for each in failed):
            self._checkpoints.cover()

    # --- without the log -------------------------------------------------------------------------

    def _without_log(
        self, changes: Sequence[Change], places: Sequence[int]
    ) -> dict[int, OSError | None]:
        """Make the changes at these places without the log, and return their results."""
        if not places:
            return {}
        results = settled_batch(self._settle, self._run_batch, [changes[each] for each in places])
        return dict(zip(places, results, strict=True))

    def _run_batch(self, changes: Sequence[Change]) -> list[OSError | None]:
        return Batch(self._system, changes, self._durable_names).run()

    def _settle(self, names: Collection[str]) -> None:
        """See Settle."""
        if IN_DOUBT in names:
            self._checkpoints.doubt(names)
        if self._checkpoints.has(names):
            error = self._checkpoints.now()
            if error is not None:
                raise OSError(f"the log cannot be settled: {error}")


def _nanoseconds(seconds: float, now: int) -> int:
    """Return an mtime for a record, the present one where it has no room."""
    try:
        value = int(seconds * 1_000_000_000)
    except (OverflowError, ValueError):
        return now
    return value if -(1 << 63) <= value < 1 << 63 else now
