"""Reads how much space and how many inodes a disk has, and judges them: for the doctor and for
`mailhost status`."""

from __future__ import annotations

import os
from dataclasses import dataclass

from mailhost.doctor.finding import Fault, Finding, Verdict, failure, ok, warning

DISK_SPACE = Fault("disk-space-low", "On a full disk all new mail is answered 452.")
DISK_INODES = Fault(
    "disk-inodes-low", "A disk without inodes takes no new files, and each message is a file."
)
LOW_SHARE = 0.05
LEAST_SPACE, LOW_SPACE = 100_000_000, 5_000_000_000
LEAST_INODES, LOW_INODES = 1_000, 50_000
_MAKE = {Verdict.FAILURE: failure, Verdict.WARNING: warning}


@dataclass(frozen=True, slots=True)
class Disk:
    """The size and the free space of a file system in octets, and its inodes, as far as they are
    for its user. `inodes` is 0 where the file system has no such limit."""

    size: int
    free: int
    inodes: int
    inodes_free: int

    @property
    def space(self) -> Verdict:
        """Whether there is enough space."""
        return _verdict(self.free, self.size, LEAST_SPACE, LOW_SPACE)

    @property
    def files(self) -> Verdict:
        """Whether there are enough inodes."""
        if not self.inodes:
            return Verdict.OK
        return _verdict(self.inodes_free, self.inodes, LEAST_INODES, LOW_INODES)


def disk_of(folder: str) -> Disk:
    """Return the disk of a folder. Blocks for the disk; raises OSError."""
    found = os.statvfs(folder)
    return Disk(
        found.f_blocks * found.f_frsize,
        found.f_bavail * found.f_frsize,
        found.f_files,
        found.f_favail,
    )


def _verdict(free: int, total: int, least: int, low: int) -> Verdict:
    if free < least:
        return Verdict.FAILURE
    return Verdict.WARNING if free < min(low, LOW_SHARE * total) else Verdict.OK


def space_finding(tried: str, disk: Disk) -> Finding:
    """Return the finding about the free space of a disk."""
    seen = f"{_size(disk.free)} of {_size(disk.size)} are free"
    remedy = "Free some space: `du -xh DIR | sort -h | tail` shows the largest folders."
    return _finding(disk.space, DISK_SPACE, f"space in {tried}", seen, remedy)


def inode_findings(tried: str, disk: Disk) -> list[Finding]:
    """Return the finding about the free inodes of a disk; none if it has no such limit."""
    if not disk.inodes:
        return []
    seen = f"{disk.inodes_free} of {disk.inodes} inodes are free"
    remedy = "Remove small files, or make the file system again with more inodes."
    return [_finding(disk.files, DISK_INODES, f"inodes in {tried}", seen, remedy)]


def _finding(verdict: Verdict, fault: Fault, tried: str, seen: str, remedy: str) -> Finding:
    return ok(tried, seen) if verdict is Verdict.OK else _MAKE[verdict](fault, tried, seen, remedy)


def _size(octets: int) -> str:
    for unit, size in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6)):
        if octets >= size:
            return f"{octets / size:.1f} {unit}"
    return f"{octets} octets"
