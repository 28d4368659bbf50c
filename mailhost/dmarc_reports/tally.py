"""Counts the results of sender authentication, for the reports to other domains."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace

from mailhost.dmarc_reports.report import CheckedDomain, Row
from mailhost.interfaces.authentication import (
    Authentication,
    Disposition,
    DKIMOutcome,
    PublishedPolicy,
)
from mailhost.interfaces.dns import is_for_tests
from mailhost.interfaces.events import Authenticated
from mailhost.message.client import plain_address

WHERE = "DMARC results"  # in the log
MOST_SIGNATURES = 10  # of one message
_OVERRIDES = ("local_policy", "mailing_list", "other", "policy_test_mode", "trusted_forwarder")


@dataclass(frozen=True, slots=True)
class Judged:
    """A kind of message: the day since 1970 (UTC), the policy without its URIs, and a row with the
    count 0."""

    day: int
    published: PublishedPolicy
    row: Row


ResultCounts = Counter[Judged]


def count(
    judged: Sequence[tuple[int, Authenticated]], not_from: Container[tuple[str, str]]
) -> ResultCounts:
    """Count messages, each given with its day, but for those whose domain asks for no reports, and
    those to `not_from`. Blocks: takes about 30 µs for each."""
    counts: ResultCounts = Counter()
    for day, event in judged:
        published = event.authentication.published
        if published is None or not published.reports or not event.client.ip:
            continue
        if is_for_tests(published.domain):
            continue
        if not any((each.domain, each.key) in not_from for each in event.recipients):
            counts[Judged(day, replace(published, reports=()), _row(event))] += 1
    return counts


def _row(event: Authenticated) -> Row:
    found = event.authentication
    spf = next((each for each in found.spf if each.scope == "mfrom"), None)
    return Row(
        source=str(plain_address(event.client.ip)),
        count=0,
        disposition=_disposition(found),
        dkim=bool(found.dkim_aligned),
        spf=bool(found.spf_aligned),
        author=found.author,
        envelope_from=event.reverse_path.domain if event.reverse_path else "",
        signatures=tuple(
            CheckedDomain(each.domain, each.result, each.selector) for each in _signatures(found)
        ),
        spf_result=CheckedDomain(spf.domain, spf.result) if spf and spf.domain else None,
        override=_override(found),
    )


def _signatures(found: Authentication) -> list[DKIMOutcome]:
    """Return the signatures, those that matter most first (RFC 9990 §3.1.3)."""

    def rank(each: DKIMOutcome) -> tuple[bool, bool, bool]:
        passes = each.result == "pass"
        aligned = each.domain in found.dkim_aligned
        return not passes, not (passes and aligned), each.domain != found.author

    return sorted(found.dkim, key=rank)[:MOST_SIGNATURES]


def _disposition(found: Authentication) -> str:
    if found.dmarc == "pass":
        enforced = found.requested is not Disposition.NONE
        return "pass" if enforced else "none"
    return found.applied.value


def _override(found: Authentication) -> str:
    """Return why a message that fails was not treated as its domain asks, empty if it was."""
    if found.dmarc == "pass" or found.applied is found.requested:
        return ""
    if found.override in _OVERRIDES:
        return found.override
    return "local_policy"
