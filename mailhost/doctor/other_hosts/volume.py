"""Checks how much mail went to each large receiver within a day, beside its limit for bulk mail.

Above such a limit, a receiver asks more of a sender: DMARC, aligned signatures, and one-click
unsubscription; Gmail for ever. The mail is counted by the organizational domain of its sender. A
receiver is recognised by the names of the MX hosts that took the mail.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from mailhost.doctor.finding import Fault, Finding, ok, warning
from mailhost.doctor.other_hosts.attempts import SentAttempt
from mailhost.message.domains import is_at_or_below
from mailhost.message.outcome import Fate

DAY = 86_400.0
BULK_LIMIT_NEAR = Fault(
    "bulk-limit-near",
    "Above its limit, the receiver refuses mail that does not meet its rules for bulk senders.",
)
MOST_DOMAINS = 50  # whose organizational domains are looked up, the busiest
_TRIED = "mail of the last 24 hours to large receivers"


@dataclass(frozen=True, slots=True)
class Receiver:
    """A large receiver, recognised by the domains of its MX hosts. `limit` is the number of
    messages within a day from which a sender counts as a bulk sender, `near` that at which to
    warn; 0 where the receiver publishes none."""

    name: str
    hosts: tuple[str, ...]
    limit: int = 0
    near: int = 0


RECEIVERS = (
    Receiver("Gmail", ("gmail-smtp-in.l.google.com",), 5_000, 4_000),  # not its business customers
    Receiver("Outlook.com and Hotmail", ("olc.protection.outlook.com",), 5_000, 4_000),
    Receiver("Yahoo and AOL", ("yahoodns.net",)),
)


def receiver_of(host: str) -> Receiver | None:
    """Return the receiver that a host such as `mx.example.com [192.0.2.1]` belongs to."""
    name = host.partition(" ")[0].rstrip(".").lower()
    for receiver in RECEIVERS:
        if any(is_at_or_below(name, each) for each in receiver.hosts):
            return receiver
    return None


def sent_by_domain(
    attempts: Iterable[SentAttempt], sender_of: Callable[[str], str]
) -> Counter[tuple[Receiver, str]]:
    """Count the recipients to whom a large receiver took a message, by the domain of the sender.
    `sender_of` returns the sender of a message by its identity, empty for none."""
    counts: Counter[tuple[Receiver, str]] = Counter()
    senders: dict[str, str] = {}
    for attempt in attempts:
        receiver = receiver_of(attempt.by) if attempt.fate is not Fate.FAILED else None
        if receiver is None or attempt.fate is Fate.DEFERRED:
            continue
        if attempt.identity not in senders:
            senders[attempt.identity] = sender_of(attempt.identity).rpartition("@")[2].lower()
        if senders[attempt.identity]:
            counts[receiver, senders[attempt.identity]] += 1
    return counts


async def volumes(
    counts: Mapping[tuple[Receiver, str], int],
    organizational_domain: Callable[[str], Awaitable[str]],
) -> Counter[tuple[Receiver, str]]:
    """Add up the counts of domains that belong to one organization."""
    of_domains: Counter[str] = Counter()
    for (_, domain), count in counts.items():
        of_domains[domain] += count
    known = {}
    for domain, _ in of_domains.most_common(MOST_DOMAINS):
        known[domain] = await organizational_domain(domain)
    found: Counter[tuple[Receiver, str]] = Counter()
    for (receiver, domain), count in counts.items():
        found[receiver, known.get(domain, domain)] += count
    return found


def findings(counts: Counter[tuple[Receiver, str]]) -> Sequence[Finding]:
    """Return a warning for each volume that is near to a limit, and all others in one finding."""
    near = [item for item in counts.items() if item[0][0].near and item[1] >= item[0][0].near]
    found = [_near(receiver, domain, count) for (receiver, domain), count in near]
    fine = [item for item in counts.most_common(5) if item not in near]
    text = ", ".join(_counted(receiver, domain, count) for (receiver, domain), count in fine)
    if not near or fine:
        found.append(ok(_TRIED, text or "none"))
    return found


def _counted(receiver: Receiver, domain: str, count: int) -> str:
    limit = f" (bulk mail from {receiver.limit} a day on)" if receiver.limit else ""
    return f"{count} from {domain} to {receiver.name}{limit}"


def _near(receiver: Receiver, domain: str, count: int) -> Finding:
    remedy = (
        f"See that `mailhost dns {domain} --check` finds SPF, DKIM and DMARC right, and that "
        "newsletters have a List-Unsubscribe field with one click (RFC 8058); the page "
        "docs/deliverability.md has all that is asked of bulk senders. If this is no mail of "
        f"yours, look for a compromised account: `mailhost trace {domain} --since '1 day'`."
    )
    seen = _counted(receiver, domain, count)
    return warning(BULK_LIMIT_NEAR, f"mail of the last 24 hours to {receiver.name}", seen, remedy)
