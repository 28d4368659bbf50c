"""Reads what a process uses of the machine from /proc, where the system has it."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProcessUse:
    """`cpu` is processor time in seconds, `memory` is resident memory in octets, `descriptors` are
    those that are open, at most `most_descriptors` (0: no limit); `started` is in seconds since
    1970."""

    cpu: float
    memory: int
    descriptors: int
    most_descriptors: int
    started: float


def use_of(pid: int) -> ProcessUse | None:
    """Return what a process uses; None where the system does not say it, or it has ended."""
    folder = f"/proc/{pid}"
    with suppress(OSError, ValueError, IndexError, StopIteration):
        # the name of the program may have spaces and parentheses, so it is skipped (proc(5))
        fields = _read(f"{folder}/stat").rpartition(")")[2].split()
        ticks = os.sysconf("SC_CLK_TCK")
        return ProcessUse(
            (int(fields[11]) + int(fields[12])) / ticks,
            int(fields[21]) * os.sysconf("SC_PAGE_SIZE"),
            _descriptors(f"{folder}/fd"),
            _most_descriptors(_read(f"{folder}/limits")),
            _boot_time() + int(fields[19]) / ticks,
        )
    return None


def _descriptors(folder: str) -> int:
    """Count open descriptors. Since Linux 6.2 the folder has their number as its size."""
    return os.stat(folder).st_size or len(os.listdir(folder))


def _most_descriptors(limits: str) -> int:
    line = next(line for line in limits.splitlines() if line.startswith("Max open files"))
    limit = line.split()[3]
    return int(limit) if limit.isdigit() else 0


def _boot_time() -> float:
    lines = _read("/proc/stat").splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith("btime ")))


def _read(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()
