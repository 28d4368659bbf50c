"""Results of checks as text for the operator, and as values of JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from mailhost.dns_records.folding import folded
from mailhost.doctor.checks import CheckResult
from mailhost.doctor.finding import Finding, Verdict, exit_code

LONGEST_SHOWN = 1000  # characters of a text of another host
_LABEL = max(len(verdict.value) for verdict in Verdict) + 2
DOCTOR_FAILED = 3  # the exit code


def code_of(results: Iterable[CheckResult]) -> int:
    """Return the exit code: 0 fine, 1 warnings, 2 failures, 3 where the doctor itself failed."""
    results = list(results)
    if any(result.broken for result in results):
        return DOCTOR_FAILED
    return exit_code(finding for result in results for finding in result.findings)


def report_text(results: Sequence[CheckResult], width: int) -> Iterator[str]:
    """Yield the lines of the report, at most `width` columns wide except for lines to copy. The
    findings of one topic stand together, in the order of the checks."""
    for topic in dict.fromkeys(result.check.topic for result in results if result.findings):
        yield topic
        for result in results:
            if result.check.topic == topic:
                for finding in result.findings:
                    yield from finding_text(finding, width)
        yield ""
    yield summary(results)


def finding_text(finding: Finding, width: int) -> Iterator[str]:
    """Yield the lines of one finding."""
    text = f"{finding.tried}: {finding.seen[:LONGEST_SHOWN]}"
    yield from folded(f"  {finding.verdict.value:<{_LABEL}}", text, width)
    if finding.fault is not None:
        yield from folded(" " * (_LABEL + 2), f"{finding.fault.why} [{finding.name}]", width)
    if finding.remedy:
        yield from folded(" " * (_LABEL + 2), f"Remedy: {finding.remedy}", width)
    for line in finding.copy:
        yield " " * (_LABEL + 4) + line


def summary(results: Iterable[CheckResult]) -> str:
    """Return the last line: how many findings of each verdict."""
    counts = Counter(finding.verdict for result in results for finding in result.findings)
    parts = (
        (counts[Verdict.FAILURE], "failure", "failures"),
        (counts[Verdict.WARNING], "warning", "warnings"),
        (counts[Verdict.UNKNOWN], "thing could not be found out", "things could not be found out"),
    )
    bad = [f"{count} {one if count == 1 else many}" for count, one, many in parts if count]
    fine = f"{counts[Verdict.OK]} ok"
    return ", ".join([*bad, fine])


def report_values(results: Sequence[CheckResult]) -> dict[str, Any]:
    """Return the report as a value of JSON."""
    return {
        "exit_code": code_of(results),
        "findings": [
            finding_value(finding, result.check.topic)
            for result in results
            for finding in result.findings
        ],
    }


def finding_value(finding: Finding, topic: str) -> dict[str, Any]:
    """Return one finding as a value of JSON."""
    return {
        "topic": topic,
        "name": finding.name or None,
        "verdict": finding.verdict.value,
        "tried": finding.tried,
        "seen": finding.seen,
        "why": finding.fault.why if finding.fault else None,
        "remedy": finding.remedy or None,
        "copy": list(finding.copy),
    }
