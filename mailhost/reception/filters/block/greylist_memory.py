"""What greylisting remembers, in SQLite, shared by all processes.

Losing the last seconds of it in a crash costs somebody another retry and nothing else, so nothing
is synced.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
from urllib.parse import quote

CLEAN_EVERY = 600.0  # seconds
PATIENCE = 5.0  # seconds to wait for another process

_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = OFF;
CREATE TABLE IF NOT EXISTS seen (
    network TEXT, sender TEXT, recipient TEXT, first REAL NOT NULL, until REAL NOT NULL,
    PRIMARY KEY (network, sender, recipient)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS known (network TEXT PRIMARY KEY, until REAL NOT NULL) WITHOUT ROWID;
"""


class MemoryLost(Exception):
    """The file cannot be read or written now."""


class GreylistMemory:
    """The file at `path`, made when it is first asked. `time` is the time of day in seconds. May be
    asked in any thread; blocks for the disk."""

    def __init__(self, path: str, time: Callable[[], float]) -> None:
        self._path = path
        self._time = time
        self._lock = threading.Lock()
        self._opened: sqlite3.Connection | None = None
        self._clean_at = 0.0

    def wait(
        self, network: str, sender: str, recipient: str, delay: float, retry: float, remember: float
    ) -> float:
        """Return the seconds for which these are to wait, 0 for those who may come in.

        Who is new waits for `delay`, and is to be back within `retry`; who came back is known for
        `remember`, from the last visit. Raises MemoryLost.
        """
        with self._lock:
            try:
                return self._wait((network, sender, recipient), delay, retry, remember)
            except (sqlite3.Error, OSError) as error:
                self.close()
                raise MemoryLost(f"{self._path}: {error}") from error

    def close(self) -> None:
        """Let go of the file; it is opened again when it is needed."""
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()

    def _wait(
        self, key: tuple[str, str, str], delay: float, retry: float, remember: float
    ) -> float:
        database, now = self._database(), self._time()
        known = "SELECT until FROM known WHERE network = ? AND until > ?"
        with database:
            if database.execute(known, (key[0], now)).fetchone():
                self._learn(database, key[0], now + remember)
                return 0.0
            seen = "SELECT first FROM seen WHERE (network, sender, recipient) = (?, ?, ?)"
            row = database.execute(f"{seen} AND until > ?", (*key, now)).fetchone()
            if row is None:
                values = (*key, now, now + retry)
                database.execute("INSERT OR REPLACE INTO seen VALUES (?, ?, ?, ?, ?)", values)
                return delay
            left: float = row[0] + delay - now
            if left <= 0:
                self._learn(database, key[0], now + remember)
            return max(left, 0.0)

    def _learn(self, database: sqlite3.Connection, network: str, until: float) -> None:
        database.execute("INSERT OR REPLACE INTO known VALUES (?, ?)", (network, until))

    def _open(self) -> sqlite3.Connection:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        os.close(os.open(self._path, flags, 0o600))
        name = f"file:{quote(os.path.abspath(self._path))}?mode=rw"  # SQLite itself makes no file
        return sqlite3.connect(name, PATIENCE, check_same_thread=False, uri=True)

    def _database(self) -> sqlite3.Connection:
        if self._opened is None:
            self._opened = self._open()
            self._opened.executescript(_SCHEMA)
        now = self._time()
        if now >= self._clean_at:
            self._clean_at = now + CLEAN_EVERY
            with self._opened:
                for table in ("seen", "known"):
                    self._opened.execute(f"DELETE FROM {table} WHERE until <= ?", (now,))
        return self._opened
