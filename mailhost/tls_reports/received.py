"""Reports about domains of this host, in the database: each is kept once, and the oldest are
removed. Anybody with a domain may send reports, so their number is bounded for a domain, and the
rows and octets of all together. All functions block, and raise sqlite3.Error and OSError."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mailhost.aggregate_reports.received import remove_beyond, remove_oldest
from mailhost.interfaces.tls_sessions import AppliedPolicy
from mailhost.tls_reports.database import reports_database
from mailhost.tls_reports.report import FailureDetail, PolicyResult, TLSReport, policy_of

MOST_ROWS = 300_000  # results and failures of all reports
MOST_OCTETS = 200_000_000  # of the database
MOST_DETAILS = 500  # of one result that are kept, those with most sessions


@dataclass(frozen=True, slots=True)
class ReceivedReport:
    """A report, and the domain whose DKIM signature its message has."""

    signer: str
    report: TLSReport


def keep_report(data: str, received: ReceivedReport) -> bool:
    """Keep a report. False if it is there already."""
    report = received.report
    with reports_database(data).opened() as connection:
        added = connection.execute(
            "INSERT INTO report "
            "(domain, signer, organization, contact, report_id, first, last) "
            "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (
                report.domain,
                received.signer,
                report.organization,
                report.contact,
                report.report_id,
                report.begin,
                report.end,
            ),
        )
        if not added.rowcount:
            return False
        for result in report.results:
            _add(connection, added.lastrowid, result)
        remove_beyond(connection, report.domain)
        _remove_oldest(connection)
        return True


def _add(connection: sqlite3.Connection, report: int | None, result: PolicyResult) -> None:
    added = connection.execute(
        "INSERT INTO result (report, policy, successes, failures) VALUES (?, ?, ?, ?)",
        (report, _text(result.policy), result.successes, result.failures),
    )
    most = sorted(result.details, key=lambda each: -each.count)[:MOST_DETAILS]
    connection.executemany(
        "INSERT INTO failure VALUES (?, ?)",
        ((added.lastrowid, _text(detail)) for detail in most),
    )


def _text(value: AppliedPolicy | FailureDetail) -> str:
    return json.dumps(asdict(value), ensure_ascii=False)


def _remove_oldest(connection: sqlite3.Connection) -> None:
    """Remove the oldest reports until the rest has MOST_ROWS and MOST_OCTETS at most."""
    query = "SELECT (SELECT count(*) FROM result) + (SELECT count(*) FROM failure)"
    while connection.execute(query).fetchone()[0] > MOST_ROWS:
        remove_oldest(connection, 100)
    while _octets(connection) > MOST_OCTETS and remove_oldest(connection, 1):
        pass


def _octets(connection: sqlite3.Connection) -> int:
    """Return the size of all that the database has; free pages are used again."""
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)


def reports_about(data: str, domain: str, since: float) -> Sequence[ReceivedReport]:
    """Return the reports about a domain, or about all for an empty name, whose period ended after
    `since`, in seconds since 1970, the oldest first. Makes no database."""
    database = reports_database(data)
    if not database.exists:
        return []
    with database.opened() as connection:
        found = connection.execute(
            "SELECT id, signer, domain, organization, contact, report_id, first, last FROM report "
            "WHERE (domain = ? OR ? = '') AND last > ? ORDER BY last, id",
            (domain, domain, int(since)),
        )
        return [_received(connection, row) for row in found.fetchall()]


def _received(connection: sqlite3.Connection, row: tuple[Any, ...]) -> ReceivedReport:
    number, signer, domain, organization, contact, report_id, first, last = row
    results = tuple(_results(connection, number))
    return ReceivedReport(
        signer, TLSReport(domain, organization, contact, report_id, first, last, results)
    )


def _results(connection: sqlite3.Connection, report: int) -> Iterator[PolicyResult]:
    query = "SELECT id, policy, successes, failures FROM result WHERE report = ? ORDER BY id"
    for number, policy, successes, failures in connection.execute(query, (report,)).fetchall():
        details = connection.execute("SELECT detail FROM failure WHERE result = ?", (number,))
        yield PolicyResult(
            policy_of(json.loads(policy)),
            successes,
            failures,
            tuple(FailureDetail(**json.loads(text)) for (text,) in details),
        )
