"""Findings as text for the operator, as commands of nsupdate, and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from mailhost.dns_records.finding import DNSFinding, DNSVerdict, exit_code
from mailhost.dns_records.folding import comment, folded
from mailhost.dns_records.record import Place
from mailhost.dns_records.zone import record_line, record_values

LONGEST_SHOWN = 1000  # characters of what a server answered
_WIDTH = max(len(verdict.value) for verdict in DNSVerdict) + 2
_SUMMARIES = (
    "all records are right",
    "some records are different",
    "some records are missing or harmful",
    "DNS could not be asked about some records",
)


def findings_text(findings: Sequence[DNSFinding], domain: str, width: int) -> Iterator[str]:
    """Yield the text of each finding, followed by what to do, and a last line with the sum. A
    remedy that stands above already is not repeated. The lines are at most `width` columns wide,
    except for those with records."""
    remedy = ""
    for finding in findings:
        text = f"{finding.tried}: {finding.seen[:LONGEST_SHOWN]}"
        yield from folded(f"{finding.verdict.value:<{_WIDTH}}", text, width)
        if finding.remedy and finding.remedy != remedy:
            yield from folded(" " * _WIDTH, finding.remedy, width)
        remedy = finding.remedy
        for seen in finding.remove:
            yield " " * _WIDTH + f"remove: {seen.name}. {seen.kind} {seen.data}"
        for record in finding.add:
            yield " " * _WIDTH + f"add:    {record_line(record)}"
    yield f"{domain}: {_SUMMARIES[exit_code(findings)]}"


def changes_text(findings: Iterable[DNSFinding], domain: str, width: int) -> Iterator[str]:
    """Yield commands for nsupdate that remove what is in the way and add what is missing, with
    comments of at most `width` columns. Each finding is one request, so its records change
    together."""
    for finding in findings:
        add = [each for each in finding.add if each.place(domain) is not Place.REVERSE]
        if add or finding.remove:
            yield from comment(f"{finding.tried}: {finding.seen[:LONGEST_SHOWN]}", width)
            for seen in finding.remove:
                yield f"update delete {seen.name}. {seen.kind} {seen.data}"
            for record in add:
                yield f"update add {record_line(record, class_='')}"
            yield "send"


def findings_values(findings: Iterable[DNSFinding], domain: str) -> list[dict[str, Any]]:
    """Return findings as values of JSON."""
    return [
        {
            "topic": finding.topic.value,
            "tried": finding.tried,
            "verdict": finding.verdict.value,
            "seen": finding.seen,
            "remedy": finding.remedy,
            "add": [record_values(record, domain) for record in finding.add],
            "remove": [
                {"name": seen.name, "type": seen.kind, "data": seen.data} for seen in finding.remove
            ],
        }
        for finding in findings
    ]
