"""The tables of `directory.sqlite`, and the migration of older files.

`MIGRATIONS[n]` takes a file from version n (PRAGMA user_version) to n + 1; a new file starts at 0.
A step that was released is never changed; a change of the tables is another step.

Domains are in their normal form. `key` is the local part of an address in the form that is
compared, `local` is the local part as it was written. Targets have two columns for the same reason.
An account's `id` is 32 hexadecimal digits. Times are seconds since 1970.
"""

from __future__ import annotations

import sqlite3

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """
        CREATE TABLE domain (
            name TEXT NOT NULL PRIMARY KEY,
            catch_all_local TEXT,
            catch_all_domain TEXT
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE alias_domain (
            name TEXT NOT NULL PRIMARY KEY,
            domain TEXT NOT NULL REFERENCES domain ON DELETE CASCADE
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE account (
            domain TEXT NOT NULL REFERENCES domain ON DELETE CASCADE,
            key TEXT NOT NULL,
            local TEXT NOT NULL,
            secret TEXT NOT NULL,
            quota INTEGER CHECK (quota >= 0),
            PRIMARY KEY (domain, key)
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE alias (
            domain TEXT NOT NULL REFERENCES domain ON DELETE CASCADE,
            key TEXT NOT NULL,
            local TEXT NOT NULL,
            PRIMARY KEY (domain, key)
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE alias_target (
            domain TEXT NOT NULL,
            key TEXT NOT NULL,
            position INTEGER NOT NULL,
            target_local TEXT NOT NULL,
            target_domain TEXT NOT NULL,
            PRIMARY KEY (domain, key, position),
            FOREIGN KEY (domain, key) REFERENCES alias ON DELETE CASCADE
        ) WITHOUT ROWID
        """,
    ),
    (
        "ALTER TABLE account ADD COLUMN id TEXT NOT NULL DEFAULT ''",
        "UPDATE account SET id = lower(hex(randomblob(16)))",
        "CREATE UNIQUE INDEX account_id ON account (id)",
    ),
    (
        """
        CREATE TABLE app_password (
            domain TEXT NOT NULL,
            key TEXT NOT NULL,
            name TEXT NOT NULL,
            hash TEXT NOT NULL,
            created INTEGER NOT NULL,
            last_used INTEGER NOT NULL DEFAULT 0,
            PRIMARY KEY (domain, key, name),
            FOREIGN KEY (domain, key) REFERENCES account ON DELETE CASCADE
        ) WITHOUT ROWID
        """,
    ),
)


class TooNew(Exception):
    """The file was made by a newer version of this program."""


def migrate(connection: sqlite3.Connection) -> None:
    """Migrate the file to the newest version in one transaction. Raises sqlite3.Error, TooNew."""
    if _version(connection) == len(MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection)  # another process may have been first
        if version > len(MIGRATIONS):
            raise TooNew(
                f"its version is {version}, this program knows versions up to {len(MIGRATIONS)}"
            )
        for step in MIGRATIONS[version:]:
            for statement in step:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def is_empty(connection: sqlite3.Connection) -> bool:
    """True for a file in which the tables were never made. Raises sqlite3.Error."""
    return _version(connection) == 0


def _version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version
