"""Sums up the reports about a domain, by the address that sent its mail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from mailhost.dmarc_reports.received import ReportedRow
from mailhost.interfaces.authentication import PublishedPolicy


@dataclass(slots=True)
class Source:
    """Messages from one address. `dkim` and `spf` count those that pass DMARC by each; `domains`
    are those that it is authenticated as, `reporters` who reports it."""

    address: str
    messages: int = 0
    passed: int = 0
    dkim: int = 0
    spf: int = 0
    refused: int = 0  # quarantined or rejected
    domains: Counter[str] = field(default_factory=Counter)
    reporters: set[str] = field(default_factory=set)
    overrides: Counter[str] = field(default_factory=Counter)

    @property
    def failed(self) -> int:
        """The number of messages that do not pass DMARC."""
        return self.messages - self.passed

    def add(self, reported: ReportedRow) -> None:
        """Count one row."""
        row = reported.row
        self.messages += row.count
        self.passed += row.count if row.passes else 0
        self.dkim += row.count if row.dkim else 0
        self.spf += row.count if row.spf else 0
        self.refused += row.count if row.disposition in ("quarantine", "reject") else 0
        checked = [*row.signatures, *([row.spf_result] if row.spf_result else [])]
        for domain in {each.domain for each in checked if each.result == "pass"}:
            self.domains[domain] += row.count
        if row.override:
            self.overrides[row.override] += row.count
        self.reporters.add(reported.organization)


@dataclass(frozen=True, slots=True)
class ReportSummary:
    """All reports about a domain. `begin` and `end` of the period are in seconds since 1970, 0
    without reports. `published` is the newest policy that a reporter found."""

    domain: str
    begin: int
    end: int
    reporters: tuple[str, ...]
    published: PublishedPolicy | None
    sources: tuple[Source, ...]

    @property
    def messages(self) -> int:
        """The number of all messages."""
        return sum(source.messages for source in self.sources)


def summarize(domain: str, reported: Sequence[ReportedRow]) -> ReportSummary:
    """Return the summary of rows, the sources with most messages first."""
    sources: dict[str, Source] = {}
    for each in reported:
        sources.setdefault(each.row.source, Source(each.row.source)).add(each)
    return ReportSummary(
        domain,
        min((each.begin for each in reported), default=0),
        max((each.end for each in reported), default=0),
        tuple(sorted({each.organization for each in reported})),
        reported[-1].published if reported else None,
        tuple(sorted(sources.values(), key=lambda each: (-each.messages, each.address))),
    )
