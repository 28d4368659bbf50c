"""Findings of the doctor, as values: what was tried, what was seen, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """How good or bad a finding is."""

    OK = "ok"
    WARNING = "warning"  # mail flows, with less protection, or not for long
    FAILURE = "failure"  # mail does not flow, or the host does harm
    UNKNOWN = "could not tell"


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that the doctor recognises. `name` is its heading in docs/troubleshooting.md, `why`
    one sentence about why it matters. `explained_by` are faults that cause this one: beside a
    failure that is one of them, a finding about this fault is left out."""

    name: str
    why: str
    explained_by: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One result of a check. `tried` names what was tried, `seen` has the result. A finding that is
    not ok has a `fault`, and a `remedy`: what to do. `copy` are lines to be copied, such as DNS
    records or settings."""

    verdict: Verdict
    tried: str
    seen: str
    fault: Fault | None = None
    remedy: str = ""
    copy: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of the fault with the doctor's own before it, empty for none."""
        return f"doctor/{self.fault.name}" if self.fault else ""


def ok(tried: str, seen: str) -> Finding:
    """Return a finding without a fault."""
    return Finding(Verdict.OK, tried, seen)


def warning(fault: Fault, tried: str, seen: str, remedy: str, *copy: str) -> Finding:
    """Return a finding about a fault with which mail still flows."""
    return Finding(Verdict.WARNING, tried, seen, fault, remedy, copy)


def failure(fault: Fault, tried: str, seen: str, remedy: str, *copy: str) -> Finding:
    """Return a finding about a fault that stops mail, or does harm."""
    return Finding(Verdict.FAILURE, tried, seen, fault, remedy, copy)


def unknown(fault: Fault, tried: str, seen: str, remedy: str, *copy: str) -> Finding:
    """Return a finding about something that could not be found out."""
    return Finding(Verdict.UNKNOWN, tried, seen, fault, remedy, copy)


def exit_code(findings: Iterable[Finding]) -> int:
    """Return 2 if there is a failure, else 1 if there is a warning or something that could not be
    found out, else 0."""
    verdicts = {finding.verdict for finding in findings}
    if Verdict.FAILURE in verdicts:
        return 2
    return 1 if verdicts & {Verdict.WARNING, Verdict.UNKNOWN} else 0
