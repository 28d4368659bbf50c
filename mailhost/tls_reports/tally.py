"""Counts sessions with hosts of other domains, for the reports to these domains.

Policies and reasons are texts of strangers, so what is kept of each is bounded.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace

from mailhost.aggregate_reports.waiting import DayCounts
from mailhost.interfaces.dns import is_for_tests
from mailhost.interfaces.tls_sessions import BY_SENDER, AppliedPolicy, TLSSession
from mailhost.tls_reports.waiting import waiting_reports

WHERE = "TLS sessions"  # in the log
LONGEST_POLICY = 4_000  # characters of all lines
LONGEST_REASON = 200  # characters
MOST_PATTERNS = 50  # of MX hosts in a policy


def count_and_add(data: str, sessions: Sequence[tuple[int, TLSSession]]) -> None:
    """Count sessions, each given with its day, and add the counts to those in the database. Blocks.
    Raises sqlite3.Error, OSError."""
    counts = count(sessions)
    if counts:
        waiting_reports(data).add(counts)


def count(sessions: Sequence[tuple[int, TLSSession]]) -> dict[tuple[int, str], DayCounts]:
    """Return the counts by day and recipients' domain. Left out are domains that cannot be in DNS,
    and sessions of mail that demands no TLS: so reports are not reported on (RFC 8460 §3). Blocks:
    takes about 20 µs for each."""
    found: dict[tuple[int, str], Counter[str]] = {}
    for day, session in sessions:
        domain = session.domain
        if domain.startswith("[") or is_for_tests(domain):
            continue
        if session.decided != BY_SENDER:
            found.setdefault((day, domain), Counter())[_row(session)] += 1
    return {place: DayCounts(rows) for place, rows in found.items()}


def _row(session: TLSSession) -> str:
    """Return the session but for what differs between successful ones, in JSON."""
    row = {"policy": asdict(_bounded(session.policy))}
    if session.failure is not None:
        row["failure"] = {
            "result": str(session.failure),
            "mx": session.mx,
            "ip": session.ip,
            "own_ip": session.own_ip,
            "reason": session.reason[:LONGEST_REASON],
        }
    return json.dumps(row)


def _bounded(policy: AppliedPolicy) -> AppliedPolicy:
    lines, left = [], LONGEST_POLICY
    for line in policy.lines:
        left -= len(line)
        if left < 0:
            break
        lines.append(line)
    return replace(policy, lines=tuple(lines), mx=policy.mx[:MOST_PATTERNS])
