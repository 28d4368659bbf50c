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

from mailhost.durable.batch import Batch, fault_of
from mailhost.durable.folders import Folders
from mailhost.durable.kinds import NewFileWork, RemovedFileWork, Work
from mailhost.durable.log.checkpoints import Checkpoints
from mailhost.durable.log.log import Log, LogFull
from mailhost.durable.log.names import base_name
from mailhost.durable.log.records import LONGEST_PATH, Kind, NewRecord
from mailhost.durable.log.settled import settled_batch
from mailhost.durable.system import OperatingSystem
from mailhost.interfaces.changes import Change, NewFile, RemovedFile

LARGEST_LOGGED = 1 << 18  # octets of a file whose content goes to the log


class _Logged:
    """A change on its way through the log. `index` is its place in the batch."""

    __slots__ = ("change", "index", "record", "work")

    def __init__(self, index: int, change: NewFile | RemovedFile, record: NewRecord) -> None:
        self.index = index
        self.change = change
        self.record = record
        self.work: Work = (
            NewFileWork(change) if isinstance(change, NewFile) else RemovedFileWork(change)
        )


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
        errors: list[OSError | None] = [None] * len(changes)
        folders = Folders(self._system, self._durable_names)
        was_broken = self._log.broken
        logged = self._prepared(changes, folders, errors) if self._checkpoints.on else []
        begun = {each.index for each in logged}
        for group in self._groups([each for each in logged if each.work.error is None]):
            if self._append([each.record for each in group]):
                self._name(group, folders, errors)
            else:
                for each in group:
                    with suppress(OSError):
                        each.work.undo(folders)
                begun -= {each.index for each in group}
        self._checkpoints.written()
        others = [index for index in range(len(changes)) if index not in begun]
        self._make_others(changes, others, errors)
        if self._log.broken and not was_broken and any(errors[index] for index in others):
            self._checkpoints.now()  # the failed write may have left records of what has failed
        return errors

    # --- with the log ----------------------------------------------------------------------------

    def _prepared(
        self, changes: Sequence[Change], folders: Folders, errors: list[OSError | None]
    ) -> list[_Logged]:
        """Write the files of those changes that go to the log."""
        logged = []
        now = time.time_ns()
        for index, change in enumerate(changes):
            record = self._record_of(change, now)
            if record is None:
                continue
            assert isinstance(change, NewFile | RemovedFile)
            each = _Logged(index, change, record)
            error = fault_of(self._prepare, each, folders)
            if isinstance(error, _NotLogged):
                continue
            errors[index] = each.work.error = error
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
            path = self._logged_path(change.path)
            return None if path is None else NewRecord(Kind.GONE, path)
        return None

    def _logged_path(self, path: str) -> bytes | None:
        if not path.startswith(self._prefix):
            return None
        name = os.fsencode(path[len(self._prefix) :])
        return name if len(name) <= LONGEST_PATH else None

    def _prepare(self, each: _Logged, folders: Folders) -> None:
        """Write the file, without a sync. Raises OSError, with nothing left behind."""
        work = each.work
        try:
            work.prepare(folders)
            self._check_folder(each)
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

    def _check_folder(self, each: _Logged) -> None:
        """Raise _NotLogged for a folder that is on another file system, or missing: its name is to
        be durable before another process relies on it."""
        work = each.work
        folder = work.gains or work.loses
        if folder in self._ours:
            return
        system = self._system
        if not system.is_folder(folder) or system.device(folder) != self._device:
            raise _NotLogged
        self._ours.add(folder)

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

    def _append(self, records: Sequence[NewRecord]) -> bool:
        """Write records to the log. False if it failed."""
        checkpoints = self._checkpoints
        if not checkpoints.on:
            return False
        checkpoints.add({base_name(os.fsdecode(record.path)) for record in records})
        try:
            try:
                self._log.append(records)
            except LogFull:
                if checkpoints.now() is not None:
                    return False
                checkpoints.add({base_name(os.fsdecode(record.path)) for record in records})
                self._log.append(records)
        except (OSError, LogFull) as error:
            checkpoints.fail(error)
            return False
        return True

    def _name(
        self, group: Sequence[_Logged], folders: Folders, errors: list[OSError | None]
    ) -> None:
        """Make the changes visible. The record of one that fails is made void."""
        failed = []
        for each in group:
            error = fault_of(each.work.name, folders)
            if error is not None:
                with suppress(OSError):
                    each.work.undo(folders)
                errors[each.index] = error
                failed.append(each)
        void = [
            NewRecord(Kind.GONE, each.record.path)
            for each in failed
            if isinstance(each.change, NewFile) and not each.change.replaces
        ]
        if void and self._append(void):
            failed = [each for each in failed if isinstance(each.change, RemovedFile)]
        if any(not getattr(each.change, "replaces", False) for each in failed):
            self._checkpoints.now()  # a failure is logged; then the log cannot be made void

    # --- without the log -------------------------------------------------------------------------

    def _make_others(
        self, changes: Sequence[Change], places: Sequence[int], errors: list[OSError | None]
    ) -> None:
        """Make the changes at these places without the log."""
        if not places:
            return
        some = [changes[place] for place in places]
        results = settled_batch(self._settle, self._run_batch, some)
        for place, error in zip(places, results, strict=True):
            errors[place] = error

    def _run_batch(self, changes: Sequence[Change]) -> list[OSError | None]:
        return Batch(self._system, changes, self._durable_names).run()

    def _settle(self, names: Collection[str]) -> None:
        """See Settle."""
        if self._checkpoints.has(names):
            error = self._checkpoints.now()
            if error is not None:
                raise OSError(f"the log cannot be settled: {error}")


class _NotLogged(OSError):
    """A change is to be made without the log."""


def _nanoseconds(seconds: float, now: int) -> int:
    """Return an mtime for a record, the present one where it has no room."""
    try:
        value = int(seconds * 1_000_000_000)
    except (OverflowError, ValueError):
        return now
    return value if -(1 << 63) <= value < 1 << 63 else now
