"""How long the batches of the writer took, and what its log does: a small table in memory, mapped
by writer and head.

Only the writer changes the table, only the head reads it, and no number is wider than one access to
memory: so neither waits for the other. The head keeps the table when a writer dies, and the next
writer adds to the same numbers.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from bisect import bisect_left
from dataclasses import dataclass
from enum import IntEnum

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the buckets, in seconds; a last bucket has all that took longer."""

_BUCKETS = len(BOUNDS) + 1
_SECONDS, _CHANGES, _LOG = _BUCKETS, _BUCKETS + 1, _BUCKETS + 2
_NUMBERS = _BUCKETS + 3
_SIZE = 8 * _NUMBERS  # octets


class LogState(IntEnum):
    """What the writer does with the log of the data folder."""

    NONE = 0  # there is none: each file is synced
    ON = 1
    OFF = 2  # it cannot be used for now


@dataclass(frozen=True, slots=True)
class BatchCounts:
    """How many batches took so long: `buckets` are as many as BOUNDS and one. `seconds` and
    `changes` are the sums over all batches."""

    buckets: tuple[int, ...] = (0,) * _BUCKETS
    seconds: float = 0.0
    changes: int = 0


class BatchTimes:
    """`fd` is the table's file, which has no name."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._table = memoryview(mmap.mmap(fd, _SIZE)).cast("d")

    def add(self, seconds: float, changes: int) -> None:
        """Count a batch of so many changes. The writer alone calls this."""
        table = self._table
        table[bisect_left(BOUNDS, seconds)] += 1
        table[_SECONDS] += seconds
        table[_CHANGES] += changes

    @property
    def log(self) -> LogState:
        """What the writer does with the log. The writer alone sets this."""
        return LogState(int(self._table[_LOG]))

    @log.setter
    def log(self, state: LogState) -> None:
        self._table[_LOG] = state

    def read(self) -> BatchCounts:
        """Return what was counted so far."""
        numbers = self._table.tolist()
        buckets = tuple(map(int, numbers[:_BUCKETS]))
        return BatchCounts(buckets, numbers[_SECONDS], int(numbers[_CHANGES]))


def new_batch_times() -> BatchTimes:
    """Make an empty table. Its file lives as long as a process has it open."""
    with tempfile.TemporaryFile() as file:
        os.ftruncate(file.fileno(), _SIZE)
        return BatchTimes(os.dup(file.fileno()))
