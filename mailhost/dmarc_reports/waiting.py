"""The results that wait to be reported, in the database: by day and policy domain. All functions
block, and raise sqlite3.Error and OSError."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby

from mailhost.dmarc_reports.database import database_path, opened
from mailhost.dmarc_reports.report import CheckedDomain, Row, policy_from_json, policy_to_json
from mailhost.dmarc_reports.tally import Judged, ResultCounts
from mailhost.interfaces.authentication import PublishedPolicy

MOST_ROWS = 5_000  # of one report
MOST_DOMAINS = 20_000  # of one day
MOST_WAITING = 200_000  # rows of all reports


@dataclass(frozen=True, slots=True)
class Waiting:
    """A report that is to be sent. `sent` are addresses that have it already."""

    day: int
    domain: str
    sent: tuple[str, ...] = ()


def add_counts(data: str, counts: ResultCounts) -> None:
    """Add counts to those in the database, up to the bounds."""

    def place(judged: Judged) -> tuple[int, str]:
        return judged.day, judged.published.domain

    with opened(data) as connection:
        if connection.execute("SELECT count(*) FROM judged").fetchone()[0] >= MOST_WAITING:
            return
        for (day, domain), group in groupby(sorted(counts, key=place), place):
            found = list(group)
            if _has_room(connection, day, domain):
                _add_policy(connection, day, domain, found[-1].published)
                _add_rows(connection, day, domain, [(each.row, counts[each]) for each in found])


def _has_room(connection: sqlite3.Connection, day: int, domain: str) -> bool:
    known = "SELECT 1 FROM policy WHERE day = ? AND domain = ?"
    if connection.execute(known, (day, domain)).fetchone():
        return True
    domains = connection.execute("SELECT count(*) FROM policy WHERE day = ?", (day,)).fetchone()
    return bool(domains[0] < MOST_DOMAINS)


def _add_policy(
    connection: sqlite3.Connection, day: int, domain: str, published: PublishedPolicy
) -> None:
    connection.execute(
        "INSERT INTO policy (day, domain, published, sent) VALUES (?, ?, ?, '[]') "
        "ON CONFLICT DO UPDATE SET published = excluded.published",
        (day, domain, policy_to_json(published)),
    )


def _add_rows(
    connection: sqlite3.Connection, day: int, domain: str, rows: Sequence[tuple[Row, int]]
) -> None:
    where = (day, domain)
    query = "SELECT count(*) FROM judged WHERE day = ? AND domain = ?"
    there = connection.execute(query, where).fetchone()[0]
    for row, count in rows:
        result = json.dumps(asdict(row))
        added = connection.execute(
            "UPDATE judged SET count = count + ? WHERE day = ? AND domain = ? AND result = ?",
            (count, *where, result),
        )
        if not added.rowcount and there < MOST_ROWS:
            there += 1
            connection.execute("INSERT INTO judged VALUES (?, ?, ?, ?)", (*where, result, count))


def waiting_before(data: str, day: int) -> Sequence[Waiting]:
    """Return the reports about days before `day`. Makes no database."""
    if not os.path.exists(database_path(data)):
        return ()
    with opened(data) as connection:
        query = "SELECT day, domain, sent FROM policy WHERE day < ? ORDER BY day, domain"
        found = connection.execute(query, (day,))
        return [Waiting(day, domain, tuple(json.loads(sent))) for day, domain, sent in found]


def results_of(data: str, waiting: Waiting) -> tuple[PublishedPolicy, Sequence[Row]]:
    """Return the policy and the rows of a report."""
    where = (waiting.day, waiting.domain)
    with opened(data) as connection:
        query = "SELECT published FROM policy WHERE day = ? AND domain = ?"
        published = connection.execute(query, where).fetchone()[0]
        query = "SELECT result, count FROM judged WHERE day = ? AND domain = ?"
        rows = [_row(result, count) for result, count in connection.execute(query, where)]
    return policy_from_json(published), rows


def note_sent(data: str, waiting: Waiting, address: str) -> Waiting:
    """Note that an address has the report."""
    done = replace(waiting, sent=(*waiting.sent, address))
    with opened(data) as connection:
        connection.execute(
            "UPDATE policy SET sent = ? WHERE day = ? AND domain = ?",
            (json.dumps(done.sent), done.day, done.domain),
        )
    return done


def remove(data: str, waiting: Waiting) -> None:
    """Remove a report that is done with."""
    with opened(data) as connection:
        for table in ("judged", "policy"):
            connection.execute(
                f"DELETE FROM {table} WHERE day = ? AND domain = ?", (waiting.day, waiting.domain)
            )


def _row(result: str, count: int) -> Row:
    values = json.loads(result)
    spf = values.pop("spf_result")
    signatures = tuple(CheckedDomain(**each) for each in values.pop("signatures"))
    values["count"] = count
    return Row(**values, signatures=signatures, spf_result=CheckedDomain(**spf) if spf else None)
