"""The database of DMARC reports: `DATA/dmarc/reports.sqlite`.

It has the reports about domains of this host, and the results that are to be reported to other
domains. Every function blocks. A connection is opened for each use, since a use is rare; several
processes may use the database at a time.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

PATIENCE = 30.0  # seconds to wait for another process
_VERSION = 1
_SCHEMA = """
CREATE TABLE report (
    id INTEGER PRIMARY KEY,
    domain TEXT NOT NULL,          -- the policy domain
    organization TEXT NOT NULL,    -- who reports
    email TEXT NOT NULL,
    report_id TEXT NOT NULL,
    first INTEGER NOT NULL,        -- the period, in seconds since 1970
    last INTEGER NOT NULL,
    published TEXT NOT NULL,       -- the policy, in JSON
    UNIQUE (domain, organization, report_id)
);
CREATE INDEX report_by_time ON report (domain, last);
CREATE TABLE result (
    report INTEGER NOT NULL REFERENCES report (id) ON DELETE CASCADE,
    source TEXT NOT NULL,
    count INTEGER NOT NULL,
    disposition TEXT NOT NULL,
    dkim INTEGER NOT NULL,         -- 1: DMARC passes by DKIM
    spf INTEGER NOT NULL,
    author TEXT NOT NULL,
    envelope_from TEXT NOT NULL,
    signatures TEXT NOT NULL,      -- in JSON
    spf_result TEXT NOT NULL,      -- in JSON
    override TEXT NOT NULL
);
CREATE INDEX result_by_report ON result (report);
CREATE TABLE judged (
    day INTEGER NOT NULL,          -- the number of the day since 1970, UTC
    domain TEXT NOT NULL,          -- the policy domain
    result TEXT NOT NULL,          -- a row of the report but for its count, in JSON
    count INTEGER NOT NULL,
    PRIMARY KEY (day, domain, result)
) WITHOUT ROWID;
CREATE TABLE policy (
    day INTEGER NOT NULL,
    domain TEXT NOT NULL,
    published TEXT NOT NULL,       -- the newest policy of the day, in JSON
    sent TEXT NOT NULL,            -- the addresses that have the report, in JSON
    PRIMARY KEY (day, domain)
) WITHOUT ROWID;
"""


class NewerDatabase(OSError):
    """The database was made by a newer mailhost."""


def database_path(data: str) -> str:
    """Return the path of the database in a data folder."""
    return os.path.join(data, "dmarc", "reports.sqlite")


@contextmanager
def opened(data: str) -> Iterator[sqlite3.Connection]:
    """Give a connection within one transaction, which is committed and synced at the end, and
    rolled back after an exception. The database is made where it is missing.

    Raises sqlite3.Error, OSError.
    """
    path = database_path(data)
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    os.close(os.open(path, flags, 0o600))
    with closing(sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("BEGIN IMMEDIATE")
        try:
            _migrate(connection, path)
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _migrate(connection: sqlite3.Connection, path: str) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > _VERSION:
        raise NewerDatabase(f"{path} was made by a newer mailhost")
    if version == 0:
        for statement in _SCHEMA.split(";\n"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {_VERSION}")
