"""Leaves out findings that another finding explains, so that one fault is reported once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mailhost.doctor.finding import Fault, Finding, Verdict

MOST_NAMED = 6  # findings that were left out, in the finding that explains them


@dataclass(frozen=True, slots=True)
class Sifted:
    """The findings of one check: those that are reported, and those that others explain."""

    kept: Sequence[Finding]
    left_out: Sequence[Finding]


def sift(findings: Sequence[Sequence[Finding]]) -> list[Sifted]:
    """Return the findings of each check, without those whose fault is explained by another finding,
    which is a failure: one of two silent resolvers explains nothing. The other finding names what
    the findings tried that were left out."""
    every = [each for some in findings for each in some]
    failed = {each.fault for each in every if each.fault and each.verdict is Verdict.FAILURE}
    faults = {each.fault for each in every if each.fault}
    causes = {fault: cause for fault in faults if (cause := _cause(fault, failed))}
    explained: defaultdict[Fault, list[str]] = defaultdict(list)
    for each in every:
        if each.fault in causes:
            explained[causes[each.fault]].append(each.tried)

    def kept(finding: Finding) -> Finding:
        return _explaining(finding, explained[finding.fault] if finding.fault else ())

    return [
        Sifted(
            [kept(each) for each in some if each.fault not in causes],
            [each for each in some if each.fault in causes],
        )
        for some in findings
    ]


def _cause(fault: Fault, failed: set[Fault]) -> Fault | None:
    """Return the fault that explains another one; at the end of a chain, if there is one. None if
    no failure explains it."""
    for cause in fault.explained_by:
        if cause in failed:
            return _cause(cause, failed) or cause
    return None


def _explaining(finding: Finding, tried: Sequence[str]) -> Finding:
    if not tried:
        return finding
    names = list(dict.fromkeys(tried))
    more = f"; and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    text = f"This explains what was found about: {'; '.join(names[:MOST_NAMED])}{more}"
    return replace(finding, seen=f"{finding.seen}. {text}")
