"""Removes the rows that are older than the settings allow, and the oldest rows of a trace that is
too large.

Rows are removed in short transactions, so that the writers wait for milliseconds; the pages that
they had are given back to the file system in short steps too. A whole VACUUM would copy the
database, and lock it meanwhile.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial

from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from mailhost.concurrency.rounds import Rounds
from mailhost.concurrency.threads import InThread
from mailhost.interfaces.events import Faulted, IEventSink
from mailhost.trace.database import PATIENCE
from mailhost.trace.schema import database_path, open_for_writing
from mailhost.trace.sink import WHERE

PERIOD = 300.0  # seconds between two rounds
ROWS_AT_ONCE = 1_000
PAGES_AT_ONCE = 500
FULL = 0.95  # the part of the size that is left after a removal, so that not each round removes


class TraceExpiry:
    """The head has one. `data` is the data folder. `wall` gives seconds since 1970."""

    def __init__(
        self,
        clock: IReactorTime,
        in_thread: InThread,
        data: str,
        events: IEventSink,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._in_thread = in_thread
        self._path = database_path(data)
        self._events = events
        self._wall = wall
        self._keep = self._size = 0.0
        self._faulty = False
        self._rounds = Rounds(clock, PERIOD, self._remove, self._failed)

    def reconfigure(self, keep: float, size: float) -> None:
        """Keep rows for `keep` seconds, and at most `size` octets."""
        self._keep, self._size = keep, size

    def start(self) -> None:
        """Remove after PERIOD, and again and again."""
        self._rounds.start(now=False)

    def stop(self) -> None:
        """Begin no further round."""
        self._rounds.stop()

    async def _remove(self) -> None:
        oldest = self._wall() - self._keep
        await self._in_thread(partial(remove_old, self._path, oldest, self._size))
        self._faulty = False

    def _failed(self, failure: Failure) -> None:
        """Log the first of several failures; the next round comes nevertheless."""
        if not self._faulty:
            self._faulty = True
            text = f"old rows cannot be removed: {failure.getErrorMessage()}"
            self._events.emit(Faulted(WHERE, text))


def remove_old(path: str, oldest: float, size: float) -> None:
    """Remove rows from before `oldest`, in seconds since 1970, and the oldest ones of more than
    `size` octets. Blocks. Makes no database. Raises sqlite3.Error, OSError."""
    if not os.path.exists(path):
        return
    with closing(open_for_writing(path, PATIENCE)) as connection:
        while _remove_some(connection, int(oldest * 1000)):
            pass
        if _octets(connection) > size:
            while _octets(connection) > FULL * size and _remove_some(connection):
                pass
        before = -1
        while (free := _free_pages(connection)) and free != before:
            connection.execute(f"PRAGMA incremental_vacuum({PAGES_AT_ONCE})").fetchall()
            before = free
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


def _remove_some(connection: sqlite3.Connection, before: int | None = None) -> int:
    """Remove the oldest rows, those from before a time in milliseconds. Return how many."""
    where = "" if before is None else f"WHERE at < {before} "
    oldest = f"SELECT id FROM part {where}ORDER BY at LIMIT {ROWS_AT_ONCE}"
    return connection.execute(f"DELETE FROM part WHERE id IN ({oldest})").rowcount


def _octets(connection: sqlite3.Connection) -> int:
    """Return the size of the pages in use."""
    pages = _number(connection, "page_count") - _free_pages(connection)
    return pages * _number(connection, "page_size")


def _free_pages(connection: sqlite3.Connection) -> int:
    return _number(connection, "freelist_count")


def _number(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])
