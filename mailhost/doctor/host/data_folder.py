"""Checks the data folder: that it is there, belongs to the host, can be written, and has space and
inodes left; and how long a sync takes, for which each message waits before it is answered 250."""

from __future__ import annotations

import errno
import os
import secrets
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from twisted.internet.defer import TimeoutError
from twisted.internet.interfaces import IReactorTime

from mailhost.concurrency.threads import InThread
from mailhost.config.model import Settings
from mailhost.directory.place import database_path, folder_is_new, why_missing
from mailhost.doctor.checks import Check
from mailhost.doctor.finding import Fault, Finding, Verdict, failure, ok, unknown, warning
from mailhost.doctor.host.disk import disk_of, inode_findings, space_finding

DATA_MISSING = Fault(
    "data-folder-missing", "Without its directory the host knows no account, and does not start."
)
DATA_OWNER = Fault(
    "data-folder-owner", "The host cannot write mail into folders that are not its own."
)
DATA_CLOSED = Fault("rights-missing", "Only root and the host's user can read the data folder.")
DATA_UNWRITABLE = Fault(
    "data-folder-not-writable", "Mail that cannot be written is answered 4xx, and waits elsewhere."
)
DISK_SLOW = Fault(
    "disk-slow", "Each message waits for the disk before it is answered, so slow syncs slow mail."
)
TOPIC = "Data folder"
SECONDS = 3.8
SYNCS = 3
HANGS = 3.5  # seconds
SLOW = 0.1  # seconds of one sync; SSDs take 0.1 to 5 ms, disks 5 to 30 ms
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


def data_folder_check(
    settings: Settings,
    folder_fault: str,
    in_thread: InThread,
    clock: IReactorTime,
    sync: Callable[[str], float] | None = None,
) -> Check:
    """Return the check. `folder_fault` is that of LocalFacts; `sync` measures a sync in a folder,
    in seconds."""
    look = partial(data_findings, settings, folder_fault, sync or sync_seconds)

    async def run() -> Sequence[Finding]:
        try:
            return await in_thread(look).addTimeout(HANGS, clock)
        except TimeoutError:
            remedy = "Look for faults of the disk in `dmesg`; a network disk may be unreachable."
            seen = f"no result within {HANGS:g} s"
            return [failure(DISK_SLOW, _synced(settings.data), seen, remedy)]

    return Check(TOPIC, "data folder", SECONDS, run)


def data_findings(
    settings: Settings, folder_fault: str, sync: Callable[[str], float] | None
) -> list[Finding]:
    """Return all findings about the data folder; None for `sync` measures nothing. Blocks for the
    disk."""
    data = settings.data
    tried = f"data folder {data}"
    there = _missing(settings, tried)
    if there is not None:
        return [there] if there.fault else []
    if folder_fault:
        remedy = "Give the folder to the host's user, with the command above."
        return [failure(DATA_OWNER, tried, folder_fault, remedy)]
    disk = disk_of(data)
    low = [space_finding(tried, disk), *inode_findings(tried, disk)]
    if any(finding.verdict is Verdict.FAILURE for finding in low) or sync is None:
        return low
    return [*low, _sync_finding(data, tried, sync)]


def _missing(settings: Settings, tried: str) -> Finding | None:
    """Return a finding if the folder cannot be examined; it is ok where there is none yet."""
    data = settings.data
    if not os.path.isdir(data):
        if settings.demo is not None:
            return ok(tried, "the first start makes it")
        remedy = "Mount its disk, or make the folder with `mailhost init`."
        return warning(DATA_MISSING, tried, folder_is_new(data), remedy)
    try:
        os.listdir(data)
    except PermissionError:
        remedy = "Run the doctor as root or as the host's user."
        return unknown(DATA_CLOSED, tried, "this user may not read it", remedy)
    if not os.path.exists(database_path(data)):
        remedy = "Mount the disk of the folder, or restore the file from a backup."
        return failure(DATA_MISSING, tried, why_missing(data), remedy)
    return None


def _sync_finding(data: str, tried: str, sync: Callable[[str], float]) -> Finding:
    try:
        seconds = statistics.median(sync(data) for _ in range(SYNCS))
    except OSError as error:
        remedy = "Mount the disk writable, and see `dmesg` for faults of the disk."
        if error.errno in _NO_SPACE:
            remedy = "Free some space, or raise the quota of the host's user."
        seen = f"a file cannot be written: {error.strerror}"
        return failure(DATA_UNWRITABLE, tried, seen, remedy)
    tried = _synced(data)
    seen = f"{seconds * 1000:.1f} ms"
    if seconds > SLOW:
        remedy = "Look for other programs that write much (iotop), or use a faster disk."
        seen += f"; more than {SLOW * 1000:.0f} ms is slow, and SSDs take less than 5 ms"
        return warning(DISK_SLOW, tried, seen, remedy)
    return ok(tried, seen)


def _synced(data: str) -> str:
    return f"a small file synced in data folder {data}"


def sync_seconds(folder: str) -> float:
    """Write a small file, sync it and the folder, and remove the file. Return the seconds that
    this took. Raises OSError."""
    path = os.path.join(folder, f".doctor-{secrets.token_hex(8)}.tmp")
    begin = time.monotonic()
    try:
        with open(path, "xb") as file:
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
        _sync_folder(folder)
        return time.monotonic() - begin
    finally:
        with suppress(FileNotFoundError):
            os.unlink(path)


def _sync_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
