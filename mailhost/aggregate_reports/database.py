"""Opens a database of reports, for one use.

Every function blocks. A connection is opened for each use, since a use is rare; several processes
may use the database at a time.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

PATIENCE = 30.0  # seconds to wait for another process
_VERSION = 1


class NewerDatabase(OSError):
    """The database was made by a newer mailhost."""


@dataclass(frozen=True, slots=True)
class ReportDatabase:
    """The database at `path`; `schema` has the statements that make its tables."""

    path: str
    schema: str

    @property
    def exists(self) -> bool:
        """False until the database was opened for the first time."""
        return os.path.exists(self.path)

    @contextmanager
    def opened(self) -> Iterator[sqlite3.Connection]:
        """Give a connection within one transaction, which is committed and synced at the end, and
        rolled back after an exception. The database is made where it is missing.

        Raises sqlite3.Error, OSError.
        """
        os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        os.close(os.open(self.path, flags, 0o600))
        connecting = sqlite3.connect(self.path, timeout=PATIENCE, isolation_level=None)
        with closing(connecting) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("BEGIN IMMEDIATE")
            try:
                self._migrate(connection)
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def _migrate(self, connection: sqlite3.Connection) -> None:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > _VERSION:
            raise NewerDatabase(f"{self.path} was made by a newer mailhost")
        if version == 0:
            for statement in self.schema.split(";\n"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {_VERSION}")
