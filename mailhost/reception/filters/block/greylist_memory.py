"""The memory of greylisting: an SQLite database that all processes share.

The database is not synced: if a crash loses its last seconds, some clients have to try once more.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar
from urllib.parse import quote

T = TypeVar("T")
Triplet = tuple[str, str, str]  # a network or a pool, a sender, a recipient

CLEANING_INTERVAL = 600.0  # seconds between two deletions of expired rows
LOCK_TIMEOUT = 5.0  # seconds to wait for the lock of another process

_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = OFF;
CREATE TABLE IF NOT EXISTS seen (
    network TEXT, sender TEXT, recipient TEXT, first REAL NOT NULL, until REAL NOT NULL,
    PRIMARY KEY (network, sender, recipient)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS known (network TEXT PRIMARY KEY, until REAL NOT NULL) WITHOUT ROWID;
"""


class MemoryUnavailable(Exception):
    """The database cannot be read or written now."""


class GreylistMemory:
    """The database at `path`, which is made at the first query.

    `time` returns seconds since the epoch. The methods may be called in any thread, and block.
    """

    def __init__(self, path: str, time: Callable[[], float]) -> None:
        self._path = path
        self._time = time
        self._lock = threading.Lock()
        self._opened: sqlite3.Connection | None = None
        self._clean_at = 0.0

    def knows(self, names: Sequence[str], remember: float) -> bool:
        """True where one of these clients is known. A known client stays known for `remember`
        seconds from now on. A client is a network, or a pool of hosts and the domain of a sender.
        Raises MemoryUnavailable."""
        return self._locked(lambda database, now: _known(database, now, names, remember))

    def wait(
        self, triplet: Triplet, names: Sequence[str], delay: float, retry: float, remember: float
    ) -> float:
        """Return the seconds for which a triplet has to wait, 0 where its mail may be accepted.

        A new triplet waits for `delay` seconds, and the attempt must be repeated within `retry`
        seconds. Then the client is known by all of `names` for `remember` seconds after its last
        attempt. Raises MemoryUnavailable.
        """

        def ask(database: sqlite3.Connection, now: float) -> float:
            if _known(database, now, names, remember):
                return 0.0
            left = _seconds_left(database, now, triplet, delay, retry)
            if left <= 0:
                _learn(database, names, now + remember)
            return max(left, 0.0)

        return self._locked(ask)

    def left(self, triplet: Triplet, names: Sequence[str], delay: float) -> float:
        """Return the seconds that `wait` would return, and record nothing. Raises
        MemoryUnavailable."""

        def ask(database: sqlite3.Connection, now: float) -> float:
            if _those_known(database, now, names):
                return 0.0
            first = _first_attempt(database, now, triplet)
            return delay if first is None else max(first + delay - now, 0.0)

        return self._locked(ask) if os.path.exists(self._path) else delay

    def _locked(self, work: Callable[[sqlite3.Connection, float], T]) -> T:
        with self._lock:
            try:
                database = self._database()
                with database:
                    return work(database, self._time())
            except (sqlite3.Error, OSError) as error:
                self.close()
                raise MemoryUnavailable(f"{self._path}: {error}") from error

    def close(self) -> None:
        """Close the database. The next query opens it again."""
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()

    def _open(self) -> sqlite3.Connection:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        os.close(os.open(self._path, flags, 0o600))
        name = f"file:{quote(os.path.abspath(self._path))}?mode=rw"  # SQLite itself makes no file
        return sqlite3.connect(name, LOCK_TIMEOUT, check_same_thread=False, uri=True)

    def _database(self) -> sqlite3.Connection:
        if self._opened is None:
            self._opened = self._open()
            self._opened.executescript(_SCHEMA)
        now = self._time()
        if now >= self._clean_at:
            self._clean_at = now + CLEANING_INTERVAL
            with self._opened:
                for table in ("seen", "known"):
                    self._opened.execute(f"DELETE FROM {table} WHERE until <= ?", (now,))
        return self._opened


def _known(database: sqlite3.Connection, now: float, names: Sequence[str], remember: float) -> bool:
    found = _those_known(database, now, names)
    _learn(database, found, now + remember)
    return bool(found)


def _those_known(database: sqlite3.Connection, now: float, names: Sequence[str]) -> list[str]:
    question = "SELECT 1 FROM known WHERE network = ? AND until > ?"
    return [name for name in names if database.execute(question, (name, now)).fetchone()]


def _learn(database: sqlite3.Connection, names: Sequence[str], until: float) -> None:
    values = [(name, until) for name in names]
    database.executemany("INSERT OR REPLACE INTO known VALUES (?, ?)", values)


def _seconds_left(
    database: sqlite3.Connection, now: float, triplet: Triplet, delay: float, retry: float
) -> float:
    """Return the seconds that a triplet still has to wait. A new triplet is recorded."""
    first = _first_attempt(database, now, triplet)
    if first is None:
        database.execute(
            "INSERT OR REPLACE INTO seen VALUES (?, ?, ?, ?, ?)", (*triplet, now, now + retry)
        )
        return delay
    return first + delay - now


def _first_attempt(database: sqlite3.Connection, now: float, triplet: Triplet) -> float | None:
    """Return the time of the first attempt that is not forgotten yet, None where there is none."""
    seen = "SELECT first FROM seen WHERE (network, sender, recipient) = (?, ?, ?) AND until > ?"
    row = database.execute(seen, (*triplet, now)).fetchone()
    return row[0] if row else None
