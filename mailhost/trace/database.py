"""Writes rows to the database of the trace. Everything here blocks, and is for one thread at a
time.

Many rows go into SQLite by one call: a call for each row would give up the interpreter lock for
each row, and take it again, while the reactor wants it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from itertools import chain

from mailhost.trace.rows import Row
from mailhost.trace.schema import open_for_writing

PATIENCE = 5.0  # seconds to wait for another process
ROWS_AT_ONCE = 100
_ONE = "(?, ?, ?, ?)"
_INSERT = "INSERT INTO part (message, at, marks, facts) VALUES "


class TraceDatabase:
    """The database at `path`, which is opened when the first rows are written, and again after a
    fault, or when the file was removed or replaced."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None

    def add(self, rows: Sequence[Row]) -> None:
        """Add rows, all or none; without rows, only open the database. Raises sqlite3.Error,
        OSError."""
        connection = self._opened()
        if not rows:
            return
        try:
            connection.execute("BEGIN IMMEDIATE")
            for at in range(0, len(rows), ROWS_AT_ONCE):
                some = rows[at : at + ROWS_AT_ONCE]
                if len(some) == ROWS_AT_ONCE:
                    connection.execute(_INSERT + ",".join([_ONE] * len(some)), [*chain(*some)])
                else:
                    connection.executemany(_INSERT + _ONE, some)
            connection.execute("COMMIT")
        except BaseException:
            self.close()  # which rolls back
            raise

    def close(self) -> None:
        """Close the database."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _opened(self) -> sqlite3.Connection:
        if self._connection is not None and self._file != _file_at(self._path):
            self.close()
        if self._connection is None:
            self._connection = open_for_writing(self._path, PATIENCE)
            self._file = _file_at(self._path)
        return self._connection


def _file_at(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
