"""The tables of an account's cache, and how the file is opened.

A file that is damaged, or of another version, is removed and made anew: it is a cache. Everything
blocks; one connection is used by one thread at a time.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass

VERSION = 3
BOOT_ID = "/proc/sys/kernel/random/boot_id"

TABLES = """
CREATE TABLE account (
    modseq INTEGER NOT NULL,     -- the highest that was given to a change
    boot TEXT NOT NULL           -- of the system, when the cache was opened last
);
CREATE TABLE folder (
    id INTEGER PRIMARY KEY,
    path BLOB NOT NULL UNIQUE,   -- of its Maildir, below the account's; empty for INBOX
    mailbox_id TEXT NOT NULL,
    uid_validity INTEGER NOT NULL,
    uid_next INTEGER NOT NULL,
    modseq INTEGER NOT NULL,     -- HIGHESTMODSEQ
    horizon INTEGER NOT NULL,    -- what vanished up to this MODSEQ is not known
    keywords TEXT NOT NULL,      -- names, one a line, by letter
    messages INTEGER NOT NULL,
    unseen INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    new_mtime INTEGER NOT NULL,  -- nanoseconds: of new/, cur/ and the UID list when they were read
    cur_mtime INTEGER NOT NULL,
    list_mtime INTEGER NOT NULL,
    dirty REAL NOT NULL,         -- seconds since 1970: read again after it; 0 for not
    place TEXT NOT NULL          -- how far the UID list was read
);
CREATE TABLE page (
    folder INTEGER NOT NULL,
    first_uid INTEGER NOT NULL,
    changed INTEGER NOT NULL,    -- MODSEQ of the last change in it, removals included
    uids BLOB NOT NULL,
    flags BLOB NOT NULL,
    modseqs BLOB NOT NULL,
    sizes BLOB NOT NULL,
    dates BLOB NOT NULL,
    PRIMARY KEY (folder, first_uid)
) WITHOUT ROWID;
CREATE TABLE names (            -- of the files of a page's messages
    folder INTEGER NOT NULL,
    first_uid INTEGER NOT NULL,
    bases BLOB NOT NULL,         -- names without flags, one a line
    saved BLOB NOT NULL,         -- seconds since 1970
    PRIMARY KEY (folder, first_uid)
) WITHOUT ROWID;
CREATE TABLE odd_name (         -- files whose names do not end as their flags are written
    folder INTEGER NOT NULL,
    uid INTEGER NOT NULL,
    info BLOB NOT NULL,          -- what follows the base name
    PRIMARY KEY (folder, uid)
) WITHOUT ROWID;
CREATE TABLE listed (           -- messages of which the UID list says more than the UID
    folder INTEGER NOT NULL,
    uid INTEGER NOT NULL,
    fields BLOB NOT NULL,        -- as they stand there
    PRIMARY KEY (folder, uid)
) WITHOUT ROWID;
CREATE TABLE vanished (
    folder INTEGER NOT NULL,
    modseq INTEGER NOT NULL,
    first_uid INTEGER NOT NULL,
    last_uid INTEGER NOT NULL
);
CREATE INDEX vanished_since ON vanished (folder, modseq);
CREATE TABLE sorting (          -- of the summaries, what SORT, THREAD and SEARCH read of many
    folder INTEGER NOT NULL,
    uid INTEGER NOT NULL,
    size INTEGER NOT NULL,       -- octets on the wire; the rest as in message/imap/summary
    sent INTEGER,                -- seconds since 1970
    sent_day INTEGER,            -- days since 1970, as the Date field writes it
    is_reply INTEGER NOT NULL,
    base_subject TEXT NOT NULL,
    sort_from TEXT NOT NULL,
    sort_to TEXT NOT NULL,
    sort_cc TEXT NOT NULL,
    message_id TEXT NOT NULL,
    refs TEXT NOT NULL,          -- divided by blanks
    thread_id TEXT NOT NULL,
    PRIMARY KEY (folder, uid)
) WITHOUT ROWID;
CREATE TABLE content (          -- the rest, for the same messages
    folder INTEGER NOT NULL,
    uid INTEGER NOT NULL,
    envelope BLOB NOT NULL,
    body_structure BLOB NOT NULL,
    head BLOB,
    parts BLOB NOT NULL,
    preview TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (folder, uid)
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class OpenedCache:
    """`behind` says that the cache may lack what was written last: the power was cut meanwhile."""

    connection: sqlite3.Connection
    behind: bool = False


def open_cache(path: str, patience: float) -> OpenedCache:
    """Open the cache at `path`, made where it is missing or damaged. Waits up to `patience` seconds
    for others. Raises OSError where the folder takes no file, sqlite3.OperationalError where the
    file cannot be used now."""
    try:
        return _opened(path, patience)
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:
        remove_cache(path)
    return _opened(path, patience)


def wait_for_others(connection: sqlite3.Connection, seconds: float) -> None:
    """Let the connection wait so long where another process writes."""
    connection.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")


def open_in_memory() -> sqlite3.Connection:
    """Return an empty cache that needs no disk."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    _complete(connection)
    return connection


def remove_cache(path: str) -> None:
    """Remove the cache with its files beside it. Raises OSError."""
    for name in (path, f"{path}-wal", f"{path}-shm"):
        with suppress(FileNotFoundError):
            os.unlink(name)


def _opened(path: str, patience: float) -> OpenedCache:
    if not os.path.isfile(path):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    unfinished = _has_octets(f"{path}-wal")  # its last user did not close it, or is still there
    connection = sqlite3.connect(path, patience, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")  # a lost commit is healed by the scan
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA cache_size = -2000")
        connection.execute("PRAGMA wal_autocheckpoint = 4000")
        _complete(connection)
        booted = _booted(connection)
    except BaseException:
        connection.close()
        raise
    return OpenedCache(connection, booted and unfinished)


def _has_octets(path: str) -> bool:
    try:
        return os.stat(path).st_size > 0
    except FileNotFoundError:
        return False


def _booted(connection: sqlite3.Connection) -> bool:
    """True for the first user of the cache since the system was started."""
    boot = boot_id()
    row = connection.execute("SELECT boot FROM account").fetchone()
    if row is None or row[0] == boot:
        return False
    changed = connection.execute("UPDATE account SET boot = ? WHERE boot != ?", (boot, boot))
    return changed.rowcount > 0


def boot_id() -> str:
    """Return what names the time since the system was started, empty where it has no such name."""
    try:
        with open(BOOT_ID, encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""


def _complete(connection: sqlite3.Connection) -> None:
    """Make the tables in an empty file. Raises DatabaseError for one of another version."""
    if _version(connection) == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection)
        if version not in (0, VERSION):
            raise sqlite3.DatabaseError(f"the cache has version {version}")
        if version == 0:
            for statement in TABLES.split(";\n"):
                if statement.strip():
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {VERSION}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _version(connection: sqlite3.Connection) -> int:
    with closing(connection.execute("PRAGMA user_version")) as cursor:
        return int(cursor.fetchone()[0])
