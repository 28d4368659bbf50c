"""The database of reports about TLS: `DATA/tls-reports/reports.sqlite`.

It has the reports about domains of this host, and the sessions that are to be reported to other
domains.
"""

from __future__ import annotations

import os

from mailhost.aggregate_reports.database import ReportDatabase
from mailhost.aggregate_reports.waiting import SCHEMA as WAITING_SCHEMA

_SCHEMA = """
CREATE TABLE report (
    id INTEGER PRIMARY KEY,
    domain TEXT NOT NULL,          -- the domain of this host that the report is for
    signer TEXT NOT NULL,          -- the domain whose DKIM signature the message has
    organization TEXT NOT NULL,    -- as the report says
    contact TEXT NOT NULL,
    report_id TEXT NOT NULL,
    first INTEGER NOT NULL,        -- the period, in seconds since 1970
    last INTEGER NOT NULL,
    UNIQUE (domain, signer, report_id)
);
CREATE INDEX report_by_time ON report (domain, last);
CREATE TABLE result (
    id INTEGER PRIMARY KEY,
    report INTEGER NOT NULL REFERENCES report (id) ON DELETE CASCADE,
    policy TEXT NOT NULL,          -- in JSON
    successes INTEGER NOT NULL,
    failures INTEGER NOT NULL
);
CREATE INDEX result_by_report ON result (report);
CREATE TABLE failure (
    result INTEGER NOT NULL REFERENCES result (id) ON DELETE CASCADE,
    detail TEXT NOT NULL           -- in JSON
);
CREATE INDEX failure_by_result ON failure (result);
"""


def reports_database(data: str) -> ReportDatabase:
    """Return the database in a data folder."""
    path = os.path.join(data, "tls-reports", "reports.sqlite")
    return ReportDatabase(path, _SCHEMA + WAITING_SCHEMA)
