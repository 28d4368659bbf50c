"""The database of the trace: `DATA/trace/trace.sqlite`, its table, and its version.

    part      a row for what happened to one message within one batch of one process
      id        in the order of writing
      message   the identity of the message; that of the session where the client had none yet; a
                name of its own for a TLS session with another host, see `facts`
      at        the time of its first fact, in milliseconds since 1970
      marks the kinds of its facts, see `marks`
      facts     a list in JSON, see `facts`

A message has several rows if it stays in the queue, or if a worker received it and the head sent
it. Addresses and texts have no index: every index would cost more than the row itself, and reading
all rows of a full database (1 GB) takes some seconds.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import suppress

VERSION = 1  # PRAGMA user_version
# pages of removed rows can be given back in small steps; must come before the first table
_BEFORE_TABLES = "PRAGMA auto_vacuum = INCREMENTAL"
_SCHEMA = (
    """
    CREATE TABLE part (
        id INTEGER PRIMARY KEY,
        message TEXT NOT NULL,
        at INTEGER NOT NULL,
        marks INTEGER NOT NULL,
        facts TEXT NOT NULL
    )
    """,
    "CREATE INDEX part_by_message ON part (message)",
    "CREATE INDEX part_by_time ON part (at)",
)


class NewerTrace(OSError):
    """The database was made by a newer mailhost."""


def database_path(data: str) -> str:
    """Return the path of the database in a data folder."""
    return os.path.join(data, "trace", "trace.sqlite")


def open_for_writing(path: str, patience: float) -> sqlite3.Connection:
    """Open the database, and make it where it is missing. `patience` is the time to wait for
    another process, in seconds. Any thread may use the connection, one at a time.

    Raises sqlite3.Error, OSError; NewerTrace for a later version of the table.
    """
    with suppress(FileExistsError):
        os.mkdir(os.path.dirname(path), 0o700)  # never the data folder, which may not be mounted
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    os.close(os.open(path, flags, 0o600))
    connection = sqlite3.connect(
        path, timeout=patience, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute(_BEFORE_TABLES)
        _use_journal(connection, patience)
        # synced when the journal is copied back: a power cut loses the newest rows alone
        connection.execute("PRAGMA synchronous = NORMAL")
        # 16 MB of journal: pages of the indexes are copied back once for many rows
        connection.execute("PRAGMA wal_autocheckpoint = 4000")
        _make_tables(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _use_journal(connection: sqlite3.Connection, patience: float) -> None:
    """Have the database use a journal. SQLite itself does not wait for a process that does the same
    at this moment, as several do at the first start of a host."""
    until = time.monotonic() + patience
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)


def _make_tables(connection: sqlite3.Connection, path: str) -> None:
    if _version(connection, path) == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        if _version(connection, path) == 0:  # no other process was faster
            for statement in _SCHEMA:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def open_for_reading(path: str, patience: float) -> sqlite3.Connection:
    """Open the database for reading alone; `patience` as above. Raises sqlite3.Error, OSError;
    FileNotFoundError where there is none."""
    os.stat(path)
    connection = sqlite3.connect(path, timeout=patience, isolation_level=None)
    try:
        connection.execute("PRAGMA query_only = ON")
        _version(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _version(connection: sqlite3.Connection, path: str) -> int:
    """Return the version, 0 for a new file. Raises NewerTrace."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > VERSION:
        raise NewerTrace(
            f"{path} was made by a newer version of mailhost; this version does not change the file"
        )
    return version
