"""The sessions that wait to be reported, in the database: by day and recipients' domain. All
functions block, and raise sqlite3.Error and OSError."""

from __future__ import annotations

import json
from collections.abc import Mapping

from mailhost.aggregate_reports.waiting import Bounds, Waiting, WaitingReports
from mailhost.interfaces.tls_sessions import AppliedPolicy
from mailhost.tls_reports.database import reports_database
from mailhost.tls_reports.report import FailureDetail, PolicyResult, policy_of

BOUNDS = Bounds(rows=500, domains=20_000, waiting=50_000)


def waiting_reports(data: str) -> WaitingReports:
    """Return the reports that wait in a data folder."""
    return WaitingReports(reports_database(data), BOUNDS)


def results_of(data: str, waiting: Waiting) -> tuple[PolicyResult, ...]:
    """Return the results of a report, by policy."""
    return results(waiting_reports(data).counts_of(waiting).rows)


def results(rows: Mapping[str, int]) -> tuple[PolicyResult, ...]:
    """Return the results by policy; `rows` are those that `tally` wrote, with their counts."""
    successes: dict[AppliedPolicy, int] = {}
    details: dict[AppliedPolicy, list[FailureDetail]] = {}
    for text, count in rows.items():
        row = json.loads(text)
        policy = policy_of(row["policy"])
        successes.setdefault(policy, 0)
        if "failure" in row:
            details.setdefault(policy, []).append(FailureDetail(**row["failure"], count=count))
        else:
            successes[policy] += count
    return tuple(
        PolicyResult(
            policy,
            successes[policy],
            sum(each.count for each in details.get(policy, ())),
            tuple(details.get(policy, ())),
        )
        for policy in successes
    )
