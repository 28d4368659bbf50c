"""The removal of reports that others have sent: of old ones, and of those beyond a bound.

Each kind of report keeps them in a table `report` of its own, with the columns `domain` and `last`,
the end of the period in seconds since 1970. All functions block, and raise sqlite3.Error and
OSError.
"""

from __future__ import annotations

import sqlite3

from mailhost.aggregate_reports.database import ReportDatabase
from mailhost.aggregate_reports.report import DAY

KEPT = 400 * DAY  # seconds after the end of their period that reports are kept
MOST_REPORTS = 20_000  # of one domain


def remove_beyond(connection: sqlite3.Connection, domain: str) -> None:
    """Remove the oldest reports about a domain that has more than MOST_REPORTS."""
    connection.execute(
        "DELETE FROM report WHERE id IN "
        "(SELECT id FROM report WHERE domain = ? ORDER BY last DESC LIMIT -1 OFFSET ?)",
        (domain, MOST_REPORTS),
    )


def remove_oldest(connection: sqlite3.Connection, number: int) -> bool:
    """Remove so many of the oldest reports of all. False if there is none."""
    query = "DELETE FROM report WHERE id IN (SELECT id FROM report ORDER BY last LIMIT ?)"
    return connection.execute(query, (number,)).rowcount > 0


def forget_old(database: ReportDatabase, now: float) -> None:
    """Remove the reports whose period ended more than KEPT seconds before `now`. Makes no
    database."""
    if database.exists:
        with database.opened() as connection:
            connection.execute("DELETE FROM report WHERE last < ?", (int(now) - KEPT,))
