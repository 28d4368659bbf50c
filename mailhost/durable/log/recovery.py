"""What is done with a log that a power cut, a killed host or a dead writer left. All blocks."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace

from mailhost.durable.folders import Folders
from mailhost.durable.log.log import (
    FOLDER,
    ID,
    Log,
    data_id,
    lock_log,
    open_log,
    why_no_log,
)
from mailhost.durable.log.reading import LogContents, read_log
from mailhost.durable.log.records import Position
from mailhost.durable.log.replay import Replay, Replayed
from mailhost.durable.log.segments import SEGMENT, BadLog, segment_files
from mailhost.durable.system import OperatingSystem

LOCK_TIMEOUT = 30.0  # seconds that another process may have the log
_PAUSE = 0.02  # seconds between two attempts to lock it


def recover(
    system: OperatingSystem,
    data: str,
    log_line: Callable[[str], None],
    segment: int = SEGMENT,
) -> None:
    """Bring the data folder to what its log says, and begin the log anew. To be called while no
    host runs, before anything in the data folder is read.

    What was done is logged. Raises BadLog where the log cannot be used, OSError.
    """
    if data_id(system, data) is not None:
        recover_by(system, data, _locked(system, data), log_line, segment)


def recover_by(
    system: OperatingSystem,
    data: str,
    lock: int,
    log_line: Callable[[str], None],
    segment: int = SEGMENT,
) -> None:
    """The same with the log's lock, which is released."""
    folder = os.path.join(data, FOLDER)
    try:
        id = data_id(system, data)
        assert id is not None
        contents = read_log(system, folder, id)
        for damage in contents.damages:
            log_line(f"{damage}; the records around the damage are used, compare with a backup")
        running = not _has_crashed(system, contents)
        if not why_no_log(system, data):
            with suppress(OSError):  # an error that nobody saw yet; then files are compared
                _sync_all(system, data)
        replayed = Replay(system, data, contents, running).run()
        if any((replayed.made, replayed.mended, replayed.removed)):
            log_line(
                f"the log restored {replayed.made} files, mended {replayed.mended}, and removed"
                f" {replayed.removed} that had come back"
            )
        _make_durable(system, data, replayed)
        _begin_anew(system, data, segment)
    except OSError as error:
        raise _cannot(folder, error) from error
    finally:
        system.close(lock)


def _has_crashed(system: OperatingSystem, contents: LogContents) -> bool:
    """True unless the machine has run without an end since the log was begun in these files: then
    the kernel has all names, and a file that is nowhere was removed by another program."""
    if not contents.run:
        return True
    fd = system.open_file(contents.newest_path)
    try:
        return system.run_of(fd) != contents.run
    finally:
        system.close(fd)


def begin(system: OperatingSystem, data: str, segment: int = SEGMENT) -> Log:
    """Return the log of a host that runs, empty. The kernel has all that a dead writer left, as the
    machine has not crashed since. Raises OSError, BadLog."""
    return begin_by(system, data, _locked(system, data), segment)


def begin_by(system: OperatingSystem, data: str, lock: int, segment: int = SEGMENT) -> Log:
    """The same with the log's lock, which is released when the log is closed."""
    try:
        log = open_log(system, data, segment)
    except BaseException:
        system.close(lock)
        raise
    log.lock = lock
    try:
        if log.was_empty:
            _sync_all(system, data)
        else:
            repair(system, data)
        log.make_files()
        log.restart()
    except BaseException:
        log.close()
        raise
    return log


def is_empty(system: OperatingSystem, data: str) -> bool:
    """True where the log has nothing that the file system may not have. Raises OSError, BadLog."""
    id = data_id(system, data)
    return id is None or not read_log(system, os.path.join(data, FOLDER), id).records


def repair(system: OperatingSystem, data: str, end: Position | None = None) -> None:
    """Compare the files with the log while it is in use, write again what the disk has lost, and
    make all durable. Records from `end` on are of a write that failed. Raises OSError."""
    id = data_id(system, data)
    assert id is not None
    with suppress(OSError):
        _sync_all(system, data)  # writes what can be written, so that it can be compared
    contents = read_log(system, os.path.join(data, FOLDER), id)
    if end is not None:
        records = tuple(record for record in contents.records if record.at < end)
        contents = replace(contents, records=records)
    Replay(system, data, contents, running=True).run()
    _sync_all(system, data)


def _locked(system: OperatingSystem, data: str) -> int:
    deadline = time.monotonic() + LOCK_TIMEOUT
    while (lock := lock_log(system, data)) is None:
        if time.monotonic() > deadline:
            raise OSError(errno.EAGAIN, "another process has the log", os.path.join(data, FOLDER))
        time.sleep(_PAUSE)
    return lock


def _make_durable(system: OperatingSystem, data: str, replayed: Replayed) -> None:
    """Make all that was replayed durable. Raises OSError."""
    if not why_no_log(system, data):
        _sync_all(system, data)
        return
    folders = Folders(system, set())
    for path in replayed.seen:
        folder = path
        if not system.is_folder(path):
            folders.sync_file(path)
            folder = os.path.dirname(path)
        folders.sync(folder)
        folders.root(os.path.abspath(folder))


def _begin_anew(system: OperatingSystem, data: str, segment: int) -> None:
    """Note in the log that the file system has everything; where no log can be, remove it."""
    if not why_no_log(system, data):
        log = open_log(system, data, segment)
        with closing(log):
            log.make_files()
            log.restart()
        return
    folder = os.path.join(data, FOLDER)
    for path in segment_files(system, folder):
        system.remove(path)
    system.sync_folder(folder)
    system.remove(os.path.join(data, ID))


def _sync_all(system: OperatingSystem, data: str) -> None:
    """Sync the file system of the data folder. Raises OSError."""
    fd = system.open_folder(data)
    try:
        system.sync_file_system(fd)
    finally:
        system.close(fd)


def _cannot(folder: str, error: OSError) -> BadLog:
    text = f"cannot restore mail from the log in {folder}: {error}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return BadLog(f"{text}; make room on the disk, then start again")
    return BadLog(f"{text}; correct that, then start again; the log is kept until then")
