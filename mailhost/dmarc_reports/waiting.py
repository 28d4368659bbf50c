"""The results of sender authentication that wait to be reported, in the database: by day and policy
domain. All functions block, and raise sqlite3.Error and OSError."""

from __future__ import annotations

import json
from collections.abc import Container, Sequence
from dataclasses import asdict
from itertools import groupby

from mailhost.aggregate_reports.waiting import Bounds, DayCounts, Waiting, WaitingReports
from mailhost.dmarc_reports.database import reports_database
from mailhost.dmarc_reports.report import CheckedDomain, Row, policy_from_json, policy_to_json
from mailhost.dmarc_reports.tally import Judged, ResultCounts, count
from mailhost.interfaces.authentication import PublishedPolicy
from mailhost.interfaces.events import Authenticated

BOUNDS = Bounds(rows=5_000, domains=20_000, waiting=200_000)


def waiting_reports(data: str) -> WaitingReports:
    """Return the reports that wait in a data folder."""
    return WaitingReports(reports_database(data), BOUNDS)


def count_and_add(
    data: str, not_from: Container[tuple[str, str]], judged: Sequence[tuple[int, Authenticated]]
) -> None:
    """Count messages, and add the counts to those in the database. The arguments are those of
    `count`."""
    add_counts(data, count(judged, not_from))


def add_counts(data: str, counts: ResultCounts) -> None:
    """Add counts to those in the database, up to the bounds."""
    days: dict[tuple[int, str], DayCounts] = {}
    for place, group in groupby(sorted(counts, key=_place), _place):
        found = list(group)
        rows = {json.dumps(asdict(each.row)): counts[each] for each in found}
        days[place] = DayCounts(rows, policy_to_json(found[-1].published))
    if days:
        waiting_reports(data).add(days)


def _place(judged: Judged) -> tuple[int, str]:
    return judged.day, judged.published.domain


def results_of(data: str, waiting: Waiting) -> tuple[PublishedPolicy, Sequence[Row]]:
    """Return the policy and the rows of a report."""
    found = waiting_reports(data).counts_of(waiting)
    rows = [_row(result, count) for result, count in found.rows.items()]
    return policy_from_json(found.published), rows


def _row(result: str, count: int) -> Row:
    values = json.loads(result)
    spf = values.pop("spf_result")
    signatures = tuple(CheckedDomain(**each) for each in values.pop("signatures"))
    values["count"] = count
    return Row(**values, signatures=signatures, spf_result=CheckedDomain(**spf) if spf else None)
