"""The next step of a domain's policy, from none over quarantine to reject, and what must be right
before it.

An address that sends mail which passes DMARC is taken for one of the domain's own. Mail from there
that fails is mail that the next step would harm. Addresses of which nothing passes are either those
of forgers, against whom the policy is, or of a service that was forgotten: only the operator knows.
"""

from __future__ import annotations

from dataclasses import dataclass

from mailhost.aggregate_reports.report import DAY
from mailhost.dmarc_reports.summary import ReportSummary

LEAST_DAYS = 14  # of reports before a step
LEAST_MESSAGES = 100
MOST_FAILING = 0.01  # of the mail from own addresses
WORTH_A_LOOK = 0.02  # of all mail, from an address of which nothing passes
_NEXT = {"none": "quarantine", "quarantine": "reject"}


@dataclass(frozen=True, slots=True)
class Advice:
    """The step: `policy` is the next one, empty where there is none. With `ready` it can be taken
    now. `reasons` say why, or what is to be done before."""

    policy: str
    ready: bool
    reasons: tuple[str, ...]


def advise(summary: ReportSummary) -> Advice:
    """Return the advice for a domain."""
    published = summary.published
    if published is None:
        return Advice(
            "", False, ("there are no reports yet; they come a day after the first mail",)
        )
    faults = _faults(summary)
    if published.testing and published.policy != "none":
        reasons = faults or ["the policy is only tested: take t=y out of the record"]
        return Advice(published.policy, not faults, tuple(reasons))
    policy = _NEXT.get(published.policy, "")
    if not policy:
        return Advice("", False, ("p=reject is the last step",))
    return Advice(policy, not faults, tuple(faults or _good(summary)))


def _faults(summary: ReportSummary) -> list[str]:
    faults = []
    days = (summary.end - summary.begin) / DAY
    if days < LEAST_DAYS:
        faults.append(f"the reports cover {days:.1f} days; wait until they cover {LEAST_DAYS}")
    if summary.messages < LEAST_MESSAGES:
        count = f"{summary.messages} messages are reported"
        faults.append(f"{count}; wait until there are {LEAST_MESSAGES}, or read each row below")
    own = [source for source in summary.sources if source.passed]
    sent, failed = sum(each.messages for each in own), sum(each.failed for each in own)
    if sent and failed > MOST_FAILING * sent:
        worst = max(own, key=lambda each: each.failed)
        faults.append(
            f"{failed} of {sent} messages from addresses of yours fail, most from {worst.address}: "
            "have what sends there sign them with DKIM"
        )
    if not own:
        faults.append("no mail passes at all; `mailhost dns` shows which record is missing")
    return faults + _unknown(summary)


def _unknown(summary: ReportSummary) -> list[str]:
    """Return a text for addresses that send a part of the mail that matters, with nothing passing,
    and that authenticate as some other domain, as services and forwarders do."""
    found = [
        source.address
        for source in summary.sources
        if not source.passed and source.domains and source.failed > WORTH_A_LOOK * summary.messages
    ]
    if not found:
        return []
    some = ", ".join(found[:3])
    return [f"all mail from {some} fails, but is signed by others: is that a service of yours?"]


def _good(summary: ReportSummary) -> list[str]:
    own = sum(source.messages for source in summary.sources if source.passed)
    others = summary.messages - own
    good = [f"the {own} messages from addresses of yours pass"]
    if others:
        good.append(f"the {others} others are from addresses of which nothing passes")
    return good
