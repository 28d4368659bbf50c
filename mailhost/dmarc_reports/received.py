"""Reports about domains of this host, in the database: each is kept once, and the oldest are
removed. Anybody may send reports, also about any name below a domain, so their number is bounded
for a domain, and the rows of all together. All functions block, and raise sqlite3.Error and
OSError."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mailhost.aggregate_reports.received import remove_beyond, remove_oldest
from mailhost.dmarc_reports.database import reports_database
from mailhost.dmarc_reports.report import (
    AggregateReport,
    CheckedDomain,
    Row,
    policy_from_json,
    policy_to_json,
)
from mailhost.interfaces.authentication import PublishedPolicy

MOST_ROWS = 1_000_000  # of all reports, some 300 MB


@dataclass(frozen=True, slots=True)
class ReportedRow:
    """A row of a report: with its reporter, its period, and the policy at that time."""

    organization: str
    begin: int
    end: int
    published: PublishedPolicy
    row: Row


def keep_report(data: str, report: AggregateReport) -> bool:
    """Keep a report. False if it is there already."""
    with reports_database(data).opened() as connection:
        added = connection.execute(
            "INSERT INTO report (domain, organization, email, report_id, first, last, published) "
            "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (
                report.published.domain,
                report.organization,
                report.email,
                report.report_id,
                report.begin,
                report.end,
                policy_to_json(report.published),
            ),
        )
        if not added.rowcount:
            return False
        connection.executemany(
            "INSERT INTO result VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            ((added.lastrowid, *_columns(row)) for row in report.rows),
        )
        remove_beyond(connection, report.published.domain)
        _remove_oldest(connection)
        return True


def _remove_oldest(connection: sqlite3.Connection) -> None:
    """Remove the oldest reports until the rest has MOST_ROWS at most."""
    while connection.execute("SELECT count(*) FROM result").fetchone()[0] > MOST_ROWS:
        remove_oldest(connection, 100)


def results_about(data: str, domain: str, since: float) -> Sequence[ReportedRow]:
    """Return the rows of reports about a domain whose period ended after `since`, in seconds since
    1970, the oldest first. Makes no database."""
    database = reports_database(data)
    if not database.exists:
        return []
    with database.opened() as connection:
        found = connection.execute(
            "SELECT organization, first, last, published, source, count, disposition, dkim, spf, "
            "author, envelope_from, signatures, spf_result, override "
            "FROM report JOIN result ON report.id = result.report "
            "WHERE domain = ? AND last > ? ORDER BY last",
            (domain, int(since)),
        )
        return [
            ReportedRow(each[0], each[1], each[2], policy_from_json(each[3]), _row(each[4:]))
            for each in found
        ]


def _columns(row: Row) -> tuple[Any, ...]:
    return (
        row.source,
        row.count,
        row.disposition,
        row.dkim,
        row.spf,
        row.author,
        row.envelope_from,
        json.dumps([asdict(each) for each in row.signatures]),
        json.dumps(asdict(row.spf_result) if row.spf_result else None),
        row.override,
    )


def _row(columns: Sequence[Any]) -> Row:
    source, count, disposition, dkim, spf, author, envelope_from, signed, spf_result, why = columns
    checked = json.loads(spf_result)
    return Row(
        source,
        count,
        disposition,
        bool(dkim),
        bool(spf),
        author,
        envelope_from,
        tuple(CheckedDomain(**each) for each in json.loads(signed)),
        CheckedDomain(**checked) if checked else None,
        why,
    )
