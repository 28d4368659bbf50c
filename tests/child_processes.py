"""Which processes a process started: read from /proc, as small systems have no `ps`."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def children(pid: int) -> list[int]:
    """Return the processes that a process started, those that ended and were not waited for too;
    none where the process is gone."""
    found: list[int] = []
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):  # the thread ended meanwhile
            found += map(int, thread.read_text().split())
    return found


def is_writer(pid: int) -> bool:
    """True for the process that makes all changes durable, False for another, or where the process
    is gone."""
    with suppress(OSError):
        return b"durable.writer" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False
