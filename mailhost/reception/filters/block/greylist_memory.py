"""The memory of greylisting, in SQLite, shared by all processes.

Losing the last seconds of it in a crash costs somebody another retry and nothing else, so nothing
is synced.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar
from urllib.parse import quote

T = TypeVar("T")
Visit = tuple[str, str, str]  # a network or a pool, a sender, a recipient

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

    def knows(self, names: Sequence[str], remember: float) -> bool:
        """True where one of these clients is known; that one is then known for `remember` from now
        on. A client is a network, or a pool of hosts with a sender's domain. Raises MemoryLost."""
        return self._locked(lambda database, now: _known(database, now, names, remember))

    def wait(
        self, visit: Visit, names: Sequence[str], delay: float, retry: float, remember: float
    ) -> float:
        """Return the seconds for which a visit has to wait, 0 where its mail may be accepted.

        A new visit waits for `delay`, and has to be repeated within `retry`. Then the client is
        known by all of `names` for `remember`, from the last visit. Raises MemoryLost.
        """

        def look(database: sqlite3.Connection, now: float) -> float:
            if _known(database, now, names, remember):
                return 0.0
            left = _left(database, now, visit, delay, retry)
            if left <= 0:
                _learn(database, names, now + remember)
            return max(left, 0.0)

        return self._locked(look)

    def _locked(self, work: Callable[[sqlite3.Connection, float], T]) -> T:
        with self._lock:
            try:
                database = self._database()
                with database:
                    return work(database, self._time())
            except (sqlite3.Error, OSError) as error:
                self.close()
                raise MemoryLost(f"{self._path}: {error}") from error

    def close(self) -> None:
        """Let go of the file; it is opened again when it is needed."""
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()

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


def _known(database: sqlite3.Connection, now: float, names: Sequence[str], remember: float) -> bool:
    question = "SELECT 1 FROM known WHERE network = ? AND until > ?"
    found = [name for name in names if database.execute(question, (name, now)).fetchone()]
    _learn(database, found, now + remember)
    return bool(found)


def _learn(database: sqlite3.Connection, names: Sequence[str], until: float) -> None:
    values = [(name, until) for name in names]
    database.executemany("INSERT OR REPLACE INTO known VALUES (?, ?)", values)


def _left(
    database: sqlite3.Connection, now: float, visit: Visit, delay: float, retry: float
) -> float:
    """Return the seconds that a visit still has to wait. A new visit is recorded."""
    seen = "SELECT first FROM seen WHERE (network, sender, recipient) = (?, ?, ?) AND until > ?"
    row = database.execute(seen, (*visit, now)).fetchone()
    if row is None:
        database.execute(
            "INSERT OR REPLACE INTO seen VALUES (?, ?, ?, ?, ?)", (*visit, now, now + retry)
        )
        return delay
    first: float = row[0]
    return first + delay - now
