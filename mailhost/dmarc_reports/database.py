"""The database of DMARC reports: `DATA/dmarc/reports.sqlite`.

It has the reports about domains of this host, and the results that are to be reported to other
domains.
"""

from __future__ import annotations

import os

from mailhost.aggregate_reports.database import ReportDatabase
from mailhost.aggregate_reports.waiting import SCHEMA as WAITING_SCHEMA

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
"""


def reports_database(data: str) -> ReportDatabase:
    """Return the database in a data folder."""
    return ReportDatabase(os.path.join(data, "dmarc", "reports.sqlite"), _SCHEMA + WAITING_SCHEMA)
