"""One finding in place of several that have one cause."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace

from mailhost.doctor.finding import Finding
from mailhost.doctor.unanswered import DNS_UNANSWERED

MOST_NAMED = 5  # things that were tried, in one finding


def grouped(findings: Iterable[Finding], key: Callable[[Finding], Hashable]) -> list[Finding]:
    """Return one finding in place of all with the same key: about what each of them tried."""
    groups: dict[Hashable, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(key(finding), []).append(finding)
    return [_joined(group) for group in groups.values()]


def _joined(group: Sequence[Finding]) -> Finding:
    tried = list(dict.fromkeys(each.tried for each in group))
    text = "; ".join(tried[:MOST_NAMED])
    if len(tried) > MOST_NAMED:
        text += f"; and {len(tried) - MOST_NAMED} more"
    lines = dict.fromkeys(line for each in group for line in each.copy)
    return replace(group[0], tried=text, copy=tuple(lines))


def by_words(finding: Finding) -> Hashable:
    """Return the key of findings about one domain: several records may have the same fault."""
    if finding.fault in (None, DNS_UNANSWERED):
        return by_silence(finding)
    return finding.verdict, finding.fault, finding.seen, finding.remedy


def by_silence(finding: Finding) -> Hashable:
    """Return the key of findings about several domains. All that DNS could not be asked is one
    fault."""
    return DNS_UNANSWERED if finding.fault is DNS_UNANSWERED else finding
