"""How many connections the other processes hold: a table in memory that all processes map.

Each process writes a row of its own and reads all others, so no process waits for a lock. Clients
are counted in columns by a keyed hash, and so are accounts, in columns of their own. Two clients
that share a column are counted together: that happens to one pair in COLUMNS, and no client can
bring it about, as the key is random.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from functools import lru_cache
from hashlib import blake2b

ROWS = 64  # processes at a time, those that retire included
COLUMNS = 16_384  # for clients, and as many for accounts
_WIDTH = 4  # octets of a number
_NUMBERS = 1 + 2 * COLUMNS  # of a row; the first one counts all connections
_ROW = _NUMBERS * _WIDTH
_SIZE = ROWS * _ROW + _WIDTH  # the last number says how many rows were ever in use


class SharedCounts:
    """`fd` is the table's file, which has no name. `row` is our own."""

    def __init__(self, fd: int, row: int, key: bytes) -> None:
        self.fd = fd
        self._key = key
        self._table = memoryview(mmap.mmap(fd, _SIZE)).cast("I")
        self._own = row * _NUMBERS
        self._column = lru_cache(10_000)(self._hashed)  # needed three times for each connection

    def total(self) -> int:
        """How many connections the other processes hold."""
        return self._others(0)

    def of_client(self, client: str) -> int:
        """How many connections of this client the other processes hold."""
        return self._others(self._column(client))

    def of_account(self, account: str) -> int:
        """How many connections of this account the other processes hold."""
        return self._others(COLUMNS + self._column(account))

    def add_account(self, account: str, change: int) -> None:
        """Count a connection of an account, which is counted by `add` already."""
        self._table[self._own + COLUMNS + self._column(account)] += change

    def add(self, client: str, change: int) -> None:
        """Count a connection of this process: 1 for one more, -1 for one less."""
        for column in (0, self._column(client)):
            self._table[self._own + column] += change

    def of_process(self, row: int) -> int:
        """How many connections the process with this row holds."""
        return self._table[row * _NUMBERS]

    def open(self, row: int) -> None:
        """A process is to have this row. The head alone calls this."""
        self._table[-1] = max(self._table[-1], row + 1)

    def clear(self, row: int) -> None:
        """Count no connections in a row, as its process ended. The head alone calls this."""
        start = row * _NUMBERS
        self._table[start : start + _NUMBERS] = memoryview(bytes(_ROW)).cast("I")

    def _others(self, column: int) -> int:
        end = self._table[-1] * _NUMBERS  # rows beyond were never used, and reading them costs
        return sum(self._table[column:end:_NUMBERS]) - self._table[self._own + column]

    def _hashed(self, client: str) -> int:
        digest = blake2b(client.encode(), digest_size=4, key=self._key).digest()
        return 1 + int.from_bytes(digest) % COLUMNS


def new_counts(key: bytes) -> SharedCounts:
    """Make a table, and take its first row. The file lives as long as a process has it open."""
    with tempfile.TemporaryFile() as file:
        os.ftruncate(file.fileno(), _SIZE)
        counts = SharedCounts(os.dup(file.fileno()), 0, key)
        counts.open(0)
        return counts
