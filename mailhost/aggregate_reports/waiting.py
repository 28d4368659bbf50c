"""The results that wait to be reported, in a database: by day and domain.

Strangers choose the domains, and what is in the rows, so the numbers of both are bounded; what is
above the bounds is not reported. All functions block, and raise sqlite3.Error and OSError.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mailhost.aggregate_reports.database import ReportDatabase

SCHEMA = """
CREATE TABLE judged (
    day INTEGER NOT NULL,          -- the number of the day since 1970, UTC
    domain TEXT NOT NULL,          -- the domain that the report is for
    result TEXT NOT NULL,          -- a row of the report but for its count, in JSON
    count INTEGER NOT NULL,
    PRIMARY KEY (day, domain, result)
) WITHOUT ROWID;
CREATE TABLE policy (
    day INTEGER NOT NULL,
    domain TEXT NOT NULL,
    published TEXT NOT NULL,       -- what the whole report says, the newest of the day, in JSON
    sent TEXT NOT NULL,            -- the destinations that have the report, in JSON
    PRIMARY KEY (day, domain)
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A report that is to be sent. `sent` are destinations that have it already."""

    day: int
    domain: str
    sent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DayCounts:
    """Counts of one day and domain: each row in JSON with its count, and what the whole report
    says, in JSON or empty."""

    rows: Mapping[str, int]
    published: str = ""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The largest numbers of rows in one report, of domains of one day, and of rows in all."""

    rows: int
    domains: int
    waiting: int


@dataclass(frozen=True, slots=True)
class WaitingReports:
    """The reports that wait in one database, whose schema includes SCHEMA."""

    database: ReportDatabase
    bounds: Bounds

    def add(self, counts: Mapping[tuple[int, str], DayCounts]) -> None:
        """Add counts to those in the database, by day and domain, up to the bounds."""
        with self.database.opened() as connection:
            there = connection.execute("SELECT count(*) FROM judged").fetchone()[0]
            if there >= self.bounds.waiting:
                return
            for (day, domain), found in sorted(counts.items(), key=lambda item: item[0]):
                if self._has_room(connection, day, domain):
                    _add_domain(connection, day, domain, found.published)
                    self._add_rows(connection, day, domain, found.rows)

    def _has_room(self, connection: sqlite3.Connection, day: int, domain: str) -> bool:
        known = "SELECT 1 FROM policy WHERE day = ? AND domain = ?"
        if connection.execute(known, (day, domain)).fetchone():
            return True
        query = "SELECT count(*) FROM policy WHERE day = ?"
        return bool(connection.execute(query, (day,)).fetchone()[0] < self.bounds.domains)

    def _add_rows(
        self, connection: sqlite3.Connection, day: int, domain: str, rows: Mapping[str, int]
    ) -> None:
        where = (day, domain)
        query = "SELECT count(*) FROM judged WHERE day = ? AND domain = ?"
        there = connection.execute(query, where).fetchone()[0]
        for result, count in rows.items():
            added = connection.execute(
                "UPDATE judged SET count = count + ? WHERE day = ? AND domain = ? AND result = ?",
                (count, *where, result),
            )
            if not added.rowcount and there < self.bounds.rows:
                there += 1
                row = (*where, result, count)
                connection.execute("INSERT INTO judged VALUES (?, ?, ?, ?)", row)

    def before(self, day: int) -> Sequence[Waiting]:
        """Return the reports about days before `day`. Makes no database."""
        if not self.database.exists:
            return ()
        with self.database.opened() as connection:
            query = "SELECT day, domain, sent FROM policy WHERE day < ? ORDER BY day, domain"
            found = connection.execute(query, (day,))
            return [Waiting(day, domain, tuple(json.loads(sent))) for day, domain, sent in found]

    def counts_of(self, waiting: Waiting) -> DayCounts:
        """Return the counts of a report."""
        where = (waiting.day, waiting.domain)
        with self.database.opened() as connection:
            query = "SELECT published FROM policy WHERE day = ? AND domain = ?"
            published = connection.execute(query, where).fetchone()[0]
            query = "SELECT result, count FROM judged WHERE day = ? AND domain = ?"
            return DayCounts(dict(connection.execute(query, where).fetchall()), published)

    def note_sent(self, waiting: Waiting, destination: str) -> Waiting:
        """Note that a destination has the report."""
        done = replace(waiting, sent=(*waiting.sent, destination))
        with self.database.opened() as connection:
            connection.execute(
                "UPDATE policy SET sent = ? WHERE day = ? AND domain = ?",
                (json.dumps(done.sent), done.day, done.domain),
            )
        return done

    def remove(self, waiting: Waiting) -> None:
        """Remove a report that is done with."""
        with self.database.opened() as connection:
            for table in ("judged", "policy"):
                connection.execute(
                    f"DELETE FROM {table} WHERE day = ? AND domain = ?",
                    (waiting.day, waiting.domain),
                )


def _add_domain(connection: sqlite3.Connection, day: int, domain: str, published: str) -> None:
    connection.execute(
        "INSERT INTO policy (day, domain, published, sent) VALUES (?, ?, ?, '[]') "
        "ON CONFLICT DO UPDATE SET published = excluded.published",
        (day, domain, published),
    )
