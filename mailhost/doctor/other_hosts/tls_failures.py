"""Findings about TLS sessions with this host that failed, as other hosts report them (TLS-RPT).

Anybody with a domain may send reports, so they are quoted with their reporters, and are no failure.
A few sessions fail everywhere, by networks that break; they are counted in a finding that is ok.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from mailhost.concurrency.threads import InThread
from mailhost.config.model import Settings
from mailhost.doctor.checks import Check
from mailhost.doctor.finding import Fault, Finding, ok, warning
from mailhost.doctor.host.data_folder import DISK_SLOW
from mailhost.tls_reports.advice import advice_for
from mailhost.tls_reports.received import ReceivedReport, reports_about
from mailhost.tls_reports.summary import DomainSummary, summarize

TLS_FAILURES = Fault(
    "tls-failures-reported",
    "Hosts that obey the policies of a domain do not deliver where TLS fails, and others may send "
    "without encryption.",
)
TOPIC = "Replies of other hosts"
SECONDS = 20.0
DAYS = 7
DAY = 86_400.0
SHARE = 0.01  # of all sessions: failures up to this share are usual
MOST_DOMAINS = 5
MOST_NAMED = 3  # results, and reporters
Read = Callable[[float], Sequence[ReceivedReport]]


def tls_failures_check(
    settings: Settings,
    in_thread: InThread,
    wall: Callable[[], float] = time.time,
    read: Read | None = None,
) -> Check:
    """Return the check. `read` returns the reports whose period ended after a time."""
    reports = read or partial(reports_about, settings.data, "")

    def find() -> list[Finding]:
        return list(_findings(summarize(reports(wall() - DAYS * DAY))))

    async def run() -> Sequence[Finding]:
        if not settings.tls_report_addresses:
            return []
        try:
            return await in_thread(find)
        except (sqlite3.Error, OSError):
            return []  # the log has the fault each time the host reads a report

    return Check(TOPIC, "reports about TLS", SECONDS, run, (DISK_SLOW,))


def _findings(summaries: Sequence[DomainSummary]) -> Iterator[Finding]:
    failing = [each for each in summaries if _is_much(each)]
    for each in sorted(failing, key=lambda each: -each.failed)[:MOST_DOMAINS]:
        yield _failing(each)
    fine = [each for each in summaries if each not in failing]
    if fine:
        sessions = sum(each.successes + each.failed for each in fine)
        failed = sum(each.failed for each in fine)
        seen = f"{failed} of {sessions} sessions of the last {DAYS} days failed"
        yield ok("reports about TLS", seen)


def _is_much(summary: DomainSummary) -> bool:
    return summary.failed > SHARE * (summary.successes + summary.failed)


def _failing(summary: DomainSummary) -> Finding:
    sessions = summary.successes + summary.failed
    kinds = [
        f"{each.result or 'no reason is given'} ({each.sessions})"
        for each in summary.failures[:MOST_NAMED]
    ]
    reporters = sorted({name for each in summary.failures for name in each.reporters})
    by = ", ".join(reporters[:MOST_NAMED]) + (" and others" if len(reporters) > MOST_NAMED else "")
    seen = (
        f"{summary.failed} of {sessions} sessions of the last {DAYS} days failed: "
        f"{', '.join(kinds)}; reported by {by}"
    )
    worst = summary.failures[0].result if summary.failures else ""
    remedy = advice_for(worst, summary.domain).remedy
    return warning(
        TLS_FAILURES,
        f"TLS with the MX hosts of {summary.domain}",
        seen,
        f"{remedy[:1].upper()}{remedy[1:]}. All failures:",
        f"mailhost tls-report {summary.domain}",
    )
