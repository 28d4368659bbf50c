"""Checks what other hosts said when they refused mail of the last days, and how long mail took.

Attempts are put together by destination and reason. A reason for which this host, its DNS or its
mail must be changed is a fault. All others are counted in one finding: mailboxes that do not exist,
mail that a greylisting host took minutes later. Mail that still waits is left to the check of the
queue.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from mailhost.doctor.finding import Fault, Finding, failure, ok
from mailhost.doctor.other_hosts.attempts import SentAttempt
from mailhost.doctor.replies.explain import Explained, explain
from mailhost.doctor.replies.explanation import Actor
from mailhost.message.outcome import Fate

DAYS = 3
DELAY = 3600.0  # seconds after which a message that arrived counts as delayed
WAITING = 12 * 3600.0  # seconds since the last attempt after which mail was removed from the queue
REFUSED_BY_OTHERS = Fault(
    "mail-refused-by-others", "This mail has not arrived, and its senders got it back."
)
TRIED = f"mail of the last {DAYS} days"
MOST_FINDINGS = 10
_LONGEST_REPLY = 300  # characters


@dataclass(frozen=True, slots=True)
class Reason:
    """Attempts that failed at one destination for one reason. `last` is the newest."""

    destination: str
    explained: Explained
    recipients: frozenset[tuple[str, str]]
    last: SentAttempt

    @property
    def ours(self) -> bool:
        """True if something of this host must be changed."""
        return self.explained.advice.actor is Actor.US


def findings(attempts: Sequence[SentAttempt], now: float) -> Sequence[Finding]:
    """Return the findings about attempts, which are in the order of time. `now` is in seconds since
    1970. Blocks: takes some milliseconds for each reply that differs from the others."""
    last = {(each.identity, each.recipient): each for each in attempts}
    deferred = [each for each in last.values() if each.fate is Fate.DEFERRED]
    failed = [*reasons(each for each in last.values() if each.fate is Fate.FAILED)]
    waiting = [*reasons(each for each in deferred if each.at > now - WAITING)]
    found = [_refused(reason) for reason in failed if reason.ours][:MOST_FINDINGS]
    sent = sum(each.fate not in (Fate.FAILED, Fate.DEFERRED) for each in last.values())
    return [*found, ok(TRIED, _rest(sent, failed, waiting, longest_delay(attempts)))]


def reasons(attempts: Iterable[SentAttempt]) -> Iterator[Reason]:
    """Yield attempts by destination and reason, the most frequent first."""
    groups: dict[tuple[str, str], list[SentAttempt]] = {}
    explanations: dict[tuple[str, str], Explained] = {}
    known: dict[str, Explained] = {}
    for attempt in attempts:
        explained = known.get(attempt.reply) or explain(attempt.reply)
        known[attempt.reply] = explained
        key = (_destination(attempt, explained), explained.advice.meaning)
        explanations.setdefault(key, explained)
        groups.setdefault(key, []).append(attempt)
    for key, group in sorted(groups.items(), key=lambda item: -len(item[1])):
        recipients = frozenset((each.identity, each.recipient) for each in group)
        yield Reason(key[0], explanations[key], recipients, group[-1])


def longest_delay(attempts: Iterable[SentAttempt]) -> tuple[float, str]:
    """Return the longest time in seconds from a first deferral until the message was taken, and
    the domain of its recipient; 0 and an empty text for none."""
    first: dict[tuple[str, str], float] = {}
    longest = (0.0, "")
    for each in attempts:
        key = (each.identity, each.recipient)
        if each.fate is Fate.DEFERRED:
            first.setdefault(key, each.at)
        elif key in first and each.fate is not Fate.FAILED:
            longest = max(longest, (each.at - first[key], each.domain))
    return longest


def _destination(attempt: SentAttempt, explained: Explained) -> str:
    """Return the large receiver whose words these are, or else the domain of the recipient."""
    known = explained.known
    if known is not None and known.receiver in ("Gmail", "Yahoo", "Microsoft", "Apple"):
        return known.receiver
    return attempt.domain


def _refused(reason: Reason) -> Finding:
    advice, last = reason.explained.advice, reason.last
    count = len(reason.recipients)
    number = "1 recipient" if count == 1 else f"{count} recipients"
    by = f"{last.by} said" if last.by else "this host says"
    reply = " ".join(last.reply[:_LONGEST_REPLY].split())
    seen = f"refused for {number}: {advice.meaning} For {last.identity} {by}: {reply}"
    link = reason.explained.known.link if reason.explained.known else ""
    remedy = f"{advice.remedy} `mailhost trace {last.identity}` shows the whole way."
    tried = f"{TRIED} to {reason.destination}"
    return failure(REFUSED_BY_OTHERS, tried, seen, f"{remedy} {link}".rstrip())


def _rest(
    sent: int,
    failed: Iterable[Reason],
    waiting: Iterable[Reason],
    delay: tuple[float, str],
) -> str:
    """Return what needs no action of the operator, in one line."""
    accepted = f"accepted for {sent} recipient{'' if sent == 1 else 's'}"
    parts = [accepted if sent else "no other host has accepted any"]
    for what, reasons_ in (("refused", failed), ("waiting", waiting)):
        others = [reason for reason in reasons_ if not reason.ours]
        count = sum(len(reason.recipients) for reason in others)
        if count:
            most = others[0]
            example = f"{most.destination}: {most.explained.advice.meaning.rstrip('.')}"
            parts.append(f"{count} {what} for reasons of others, mostly {example}")
    if delay[0] >= DELAY:
        parts.append(f"the longest delay was {delay[0] / 3600:.1f} hours, for {delay[1]}")
    return "; ".join(parts)
