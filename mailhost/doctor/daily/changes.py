"""The differences between two runs of the same checks.

Two findings are the same if check, name and `tried` are the same; `seen` has numbers, which change
with each run. A check without a result, or whose finding another finding explains, changes nothing:
its findings of the run before stay known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mailhost.doctor.checks import CheckResult
from mailhost.doctor.finding import Finding, Verdict


@dataclass(frozen=True, slots=True)
class KnownFinding:
    """A finding that is a warning or a failure, as it is kept from one run to the next."""

    check: str
    name: str
    tried: str
    verdict: str
    seen: str

    @property
    def key(self) -> tuple[str, str, str]:
        """The values that a finding has in common with that of another run."""
        return self.check, self.name, self.tried


@dataclass(frozen=True, slots=True)
class Changes:
    """`appeared` are findings that are new or have another verdict now, `gone` those of the run
    before that are no more; `known` are all to be kept for the next run."""

    appeared: tuple[Finding, ...]
    gone: tuple[KnownFinding, ...]
    known: tuple[KnownFinding, ...]


def changes(before: Sequence[KnownFinding], results: Sequence[CheckResult]) -> Changes:
    """Compare a run with what was known before it."""
    old = {known.key: known for known in before}
    new = {known.key: (known, finding) for known, finding in _bad(results)}
    undecided = {result.check.title for result in results if _could_not_tell(result)}
    kept = [each for each in before if each.check in undecided and each.key not in new]
    gone = [each for each in before if each.key not in new and each not in kept]
    appeared = [
        finding
        for key, (known, finding) in new.items()
        if key not in old or old[key].verdict != known.verdict
    ]
    known = [*(known for known, _ in new.values()), *kept]
    return Changes(tuple(appeared), tuple(gone), tuple(known))


def _bad(results: Sequence[CheckResult]) -> list[tuple[KnownFinding, Finding]]:
    return [
        (_known(result.check.title, finding), finding)
        for result in results
        for finding in result.findings
        if finding.verdict in (Verdict.WARNING, Verdict.FAILURE)
    ]


def _known(title: str, finding: Finding) -> KnownFinding:
    verdict = finding.verdict.value
    return KnownFinding(title, finding.name, finding.tried, verdict, finding.seen)


def _could_not_tell(result: CheckResult) -> bool:
    unknown = any(finding.verdict is Verdict.UNKNOWN for finding in result.findings)
    return unknown or bool(result.left_out)
