"""Keeps the MTA-STS policies of other domains over restarts: `DATA/mta-sts.sqlite`.

A policy that was fetched protects mail until its max_age, even if an attacker hides the policy host
meanwhile. Every function blocks. A connection is opened for each use, since a use is rare.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass

from mailhost.mta_sts.policy import Mode, STSPolicy

MOST_POLICIES = 10_000  # of those that were used last
PATIENCE = 30.0  # seconds to wait for another process
UNUSED = 30 * 86400.0  # seconds after which a policy that no mail needs is not renewed
RENEWAL = 86400.0  # seconds after which a policy is fetched again; half of max_age if that is less
_VERSION = 1
_SCHEMA = """
CREATE TABLE policy (
    domain TEXT PRIMARY KEY,
    id TEXT NOT NULL,
    mode TEXT NOT NULL,
    mx TEXT NOT NULL,          -- a list in JSON
    max_age INTEGER NOT NULL,  -- seconds
    fetched REAL NOT NULL,     -- seconds since 1970
    expires REAL NOT NULL,
    used REAL NOT NULL         -- when mail needed it last
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class KnownPolicy:
    """A policy as it was fetched: with the id of the record, and the time in seconds since 1970."""

    id: str
    policy: STSPolicy
    fetched: float

    @property
    def expires(self) -> float:
        """The time until which the policy is in force."""
        return self.fetched + self.policy.max_age

    @property
    def renewal(self) -> float:
        """The time at which the policy is fetched again."""
        return self.fetched + min(RENEWAL, self.policy.max_age / 2)


class PolicyStore:
    """The policies in the data folder `data`, in the file `path`. All methods raise sqlite3.Error
    and OSError."""

    def __init__(self, data: str) -> None:
        self.path = os.path.join(data, "mta-sts.sqlite")

    def read(self, domain: str, now: float) -> KnownPolicy | None:
        """Return the policy of a domain, None for none that is in force."""
        query = "SELECT id, mode, mx, max_age, fetched FROM policy WHERE domain = ? AND expires > ?"
        with self._opened() as database:
            row = database.execute(query, (domain, now)).fetchone()
        return _policy(row) if row else None

    def write(self, domain: str, known: KnownPolicy, now: float) -> None:
        """Keep the policy of a domain in place of its former one. A new domain is in use."""
        policy = known.policy
        row = (domain, known.id, policy.mode.value, json.dumps(policy.mx), policy.max_age)
        with self._opened() as database:
            database.execute(
                "INSERT INTO policy VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
                "id = excluded.id, mode = excluded.mode, mx = excluded.mx, "
                "max_age = excluded.max_age, fetched = excluded.fetched, "
                "expires = excluded.expires",
                (*row, known.fetched, known.expires, now),
            )
            _bound(database, now)

    def note_uses(self, uses: Mapping[str, float]) -> None:
        """Keep when the policies of domains were used last."""
        with self._opened() as database:
            rows = [(when, domain) for domain, when in uses.items()]
            database.executemany("UPDATE policy SET used = ? WHERE domain = ?", rows)

    def due(self, now: float, most: int) -> list[tuple[str, KnownPolicy]]:
        """Return policies that are in use and should be fetched again, those that run out first
        come first."""
        with self._opened() as database:
            _bound(database, now)
            rows = database.execute(
                "SELECT id, mode, mx, max_age, fetched, domain FROM policy "
                "WHERE min(fetched + ?, (fetched + expires) / 2) <= ? ORDER BY expires LIMIT ?",
                (RENEWAL, now, most),
            ).fetchall()
        return [(row[5], _policy(row[:5])) for row in rows]

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """Give a connection within one transaction. The database is made where it is missing."""
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        os.close(os.open(self.path, flags, 0o600))
        with closing(sqlite3.connect(self.path, timeout=PATIENCE)) as database:
            database.execute("BEGIN IMMEDIATE")
            if not database.execute("PRAGMA user_version").fetchone()[0]:
                database.execute(_SCHEMA)
                database.execute(f"PRAGMA user_version = {_VERSION}")
            yield database
            database.commit()


def _bound(database: sqlite3.Connection, now: float) -> None:
    """Remove policies that are not in force, that no mail needed for a long time, and those above
    the bound."""
    database.execute("DELETE FROM policy WHERE expires <= ? OR used <= ?", (now, now - UNUSED))
    database.execute(
        "DELETE FROM policy WHERE domain IN "
        "(SELECT domain FROM policy ORDER BY used DESC LIMIT -1 OFFSET ?)",
        (MOST_POLICIES,),
    )


def _policy(row: tuple[str, str, str, int, float]) -> KnownPolicy:
    identity, mode, mx, max_age, fetched = row
    return KnownPolicy(identity, STSPolicy(Mode(mode), max_age, tuple(json.loads(mx))), fetched)
