"""Sums up the reports about TLS, by domain: the policies, and the failures by their result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from mailhost.interfaces.tls_sessions import AppliedPolicy
from mailhost.tls_reports.received import ReceivedReport
from mailhost.tls_reports.report import FailureDetail, PolicyResult


@dataclass(slots=True)
class PolicySummary:
    """The sessions under one policy. `last` is the end of the newest period, in seconds since
    1970."""

    policy: AppliedPolicy
    successes: int = 0
    failures: int = 0
    last: int = 0


@dataclass(slots=True)
class FailureSummary:
    """The failures with one result, which is empty where the reports do not say it. `hosts`,
    `senders` and `reasons` count sessions: `hosts` by the name of the MX host or its address,
    `senders` by the address of the sending host. `reporters` are the signers of the reports;
    `last` is the end of the newest period, in seconds since 1970."""

    result: str
    sessions: int = 0
    last: int = 0
    hosts: Counter[str] = field(default_factory=Counter)
    senders: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    reporters: set[str] = field(default_factory=set)

    def add(self, detail: FailureDetail, by: ReceivedReport) -> None:
        """Count one detail of a report."""
        self.sessions += detail.count
        self.last = max(self.last, by.report.end)
        self.reporters.add(by.signer)
        for counter, name in (
            (self.hosts, detail.mx or detail.ip),
            (self.senders, detail.own_ip),
            (self.reasons, detail.reason or detail.more),
        ):
            if name:
                counter[name] += detail.count


@dataclass(slots=True)
class DomainSummary:
    """All reports about one domain, the oldest first. `failures` are by their results, those with
    most sessions first."""

    domain: str
    reports: list[ReceivedReport]
    policies: list[PolicySummary]
    failures: list[FailureSummary]

    @property
    def begin(self) -> int:
        """The beginning of the period, in seconds since 1970."""
        return min(each.report.begin for each in self.reports)

    @property
    def end(self) -> int:
        """The end of the period, in seconds since 1970."""
        return max(each.report.end for each in self.reports)

    @property
    def successes(self) -> int:
        """The number of all sessions that succeeded."""
        return sum(each.successes for each in self.policies)

    @property
    def failed(self) -> int:
        """The number of all sessions that failed."""
        return sum(each.failures for each in self.policies)


def summarize(received: Sequence[ReceivedReport]) -> list[DomainSummary]:
    """Return the summary for each domain, by name."""
    domains: dict[str, list[ReceivedReport]] = {}
    for each in received:
        domains.setdefault(each.report.domain, []).append(each)
    return [_of_domain(domain, reports) for domain, reports in sorted(domains.items())]


def _of_domain(domain: str, reports: list[ReceivedReport]) -> DomainSummary:
    policies: dict[AppliedPolicy, PolicySummary] = {}
    failures: dict[str, FailureSummary] = {}
    for each in reports:
        for result in each.report.results:
            found = policies.setdefault(result.policy, PolicySummary(result.policy))
            found.successes += result.successes
            found.failures += result.failures
            found.last = max(found.last, each.report.end)
            for detail in (*result.details, *_without_detail(result)):
                failure = failures.setdefault(detail.result, FailureSummary(detail.result))
                failure.add(detail, each)
    return DomainSummary(
        domain,
        reports,
        sorted(policies.values(), key=lambda each: -each.last),
        sorted(failures.values(), key=lambda each: (-each.sessions, each.result)),
    )


def _without_detail(result: PolicyResult) -> list[FailureDetail]:
    """Return the failures of a result for which it has no details."""
    left = result.failures - sum(each.count for each in result.details)
    return [FailureDetail("", left)] if left > 0 else []
