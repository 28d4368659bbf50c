"""The findings of a check, as values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from mailhost.dns_records.record import PlannedRecord, Topic


class DNSVerdict(Enum):
    """How a record in DNS compares to the plan."""

    RIGHT = "right"
    DIFFERENT = "different"  # mail works, with less protection or in another way than planned
    MISSING = "missing"
    HARMFUL = "harmful"  # mail is lost, refused or forged because of what DNS has
    UNKNOWN = "unknown"  # DNS could not be asked


@dataclass(frozen=True, slots=True)
class SeenRecord:
    """A record in DNS that is to be removed; `data` is in the form of zone files."""

    name: str
    kind: str
    data: str


@dataclass(frozen=True, slots=True)
class DNSFinding:
    """One look at DNS.

    `tried` names the records that were looked for, `seen` those that are there, `remedy` the
    change to make; a RIGHT finding may have a remedy too, as a recommendation. `add` are planned
    records that are missing, `remove` those that stand in the way.
    """

    topic: Topic
    tried: str
    verdict: DNSVerdict
    seen: str
    remedy: str = ""
    add: tuple[PlannedRecord, ...] = ()
    remove: tuple[SeenRecord, ...] = ()


def exit_code(findings: Iterable[DNSFinding]) -> int:
    """Return 2 if a record is missing or harmful, else 3 if something could not be asked, else 1 if
    a record is different, else 0."""
    verdicts = {finding.verdict for finding in findings}
    if verdicts & {DNSVerdict.MISSING, DNSVerdict.HARMFUL}:
        return 2
    if DNSVerdict.UNKNOWN in verdicts:
        return 3
    return 1 if DNSVerdict.DIFFERENT in verdicts else 0


def could_not_ask(topic: Topic, tried: str, trouble: str) -> DNSFinding:
    """Return a finding about a question without a reply."""
    remedy = "Check again later. If this stays, this machine may not reach DNS servers at port 53."
    return DNSFinding(topic, tried, DNSVerdict.UNKNOWN, f"could not be asked: {trouble}", remedy)


def missing(tried: str, *records: PlannedRecord, seen: str = "there is no record") -> DNSFinding:
    """Return a finding about planned records that DNS does not have."""
    return DNSFinding(
        records[0].topic, tried, DNSVerdict.MISSING, seen, "Add the record.", tuple(records)
    )
