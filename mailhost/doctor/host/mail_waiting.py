"""Findings about mail that waits in the queue: since when, for which destinations, and why.

Messages that wait for the same reason are one finding, whatever their destinations: a network that
is down delays mail for all of them. A reply of another host that asks for a change of this host is
reported at once, all other mail when it has waited for an hour.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from mailhost.doctor.finding import Fault, Finding, failure, warning
from mailhost.doctor.host.queue_files import QueueFiles
from mailhost.doctor.replies.explain import explain
from mailhost.doctor.replies.explanation import Actor, Explanation
from mailhost.doctor.replies.own import OWN
from mailhost.message.status import Status
from mailhost.queue.entry import Entry, Progress, Recipient
from mailhost.queue.spool import FoundEntry

MAIL_WAITS = Fault(
    "mail-waits", "Mail that waits too long is returned to its sender when it expires."
)
DEFERRED_BY_OTHERS = Fault(
    "mail-deferred-by-others", "This mail waits, and goes back to its senders if that stays so."
)
MAIL_PARKED = Fault(
    "mail-parked", "A defect of mailhost stopped these messages; they wait for the operator."
)
MAIL_HELD = Fault("mail-held", "These messages wait until the operator releases or removes them.")
LONG = 3600.0  # seconds; greeting delays and greylisting take less
MOST_REASONS = 5
MOST_DESTINATIONS = 5  # named in one finding


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A recipient that waits, with the last reply, None before the first attempt."""

    entry: Entry
    recipient: Recipient

    @property
    def destination(self) -> str:
        return self.recipient.path.address.domain

    @property
    def reply(self) -> Status | None:
        outcome = self.recipient.outcome
        return None if outcome is None else outcome.status.answer or outcome.status

    @property
    def by(self) -> str:
        """The host that gave the reply, empty if this one did."""
        return self.recipient.outcome.by if self.recipient.outcome else ""


@dataclass(frozen=True, slots=True)
class _Reason:
    """The common part of replies with one reason: their meaning, None before the first attempt, and
    the codes. `for_us` says that another host asks for a change of this one. `link` is its page.
    `ours` says that this host does not send the mail, by a rule about TLS."""

    advice: Explanation | None
    codes: str
    for_us: bool = False
    link: str = ""
    ours: bool = False


def waiting_findings(files: QueueFiles, now: float) -> Iterator[Finding]:
    """Yield the findings about stopped mail, and about mail that waits for more than an hour."""
    whole = [each for each in files.entries if not each.damage]
    yield from _stopped(whole)
    reasons: defaultdict[_Reason, list[_Waiting]] = defaultdict(list)
    reason_of = cache(_reason)
    for each in _recipients(whole):
        reason = reason_of(each.reply, bool(each.by))
        if reason.for_us or now - each.entry.arrived > LONG:
            reasons[reason].append(each)
    ordered = sorted(reasons.items(), key=lambda item: -len(item[1]))
    for reason, waiting in ordered[:MOST_REASONS]:
        yield _finding(reason, waiting, now)
    if len(ordered) > MOST_REASONS:
        yield _more(ordered[MOST_REASONS:])


def _stopped(entries: Sequence[FoundEntry]) -> Iterator[Finding]:
    parked = [each for each in entries if each.state.parked]
    held = [each for each in entries if each.state.stopped and not each.state.parked]
    if parked:
        first = parked[0]
        seen = f"{_counted(len(parked))}; the first says: {first.state.parked}"
        remedy = "Report the traceback, then release each message, which is tried again:"
        id = first.entry.id
        commands = (f"mailhost queue show {id}", f"mailhost queue release {id}")
        yield failure(MAIL_PARKED, "mail that was stopped", seen, remedy, *commands)
    if held:
        reason = next((each.state.quarantine for each in held if each.state.quarantine), "")
        seen = _counted(len(held)) + (f"; the first was held back by: {reason}" if reason else "")
        remedy = "Look at each message, then release or remove it:"
        commands = (f"mailhost queue show {held[0].entry.id}", "mailhost queue release ID")
        yield warning(MAIL_HELD, "mail that was held back", seen, remedy, *commands)


def _recipients(entries: Iterable[FoundEntry]) -> Iterator[_Waiting]:
    for each in entries:
        if not each.state.stopped:
            for recipient in each.state.those(Progress.WAITING):
                yield _Waiting(each.entry, recipient)


def _reason(reply: Status | None, of_another_host: bool) -> _Reason:
    if reply is None:
        return _Reason(None, "not tried yet")
    explained = explain(str(reply))
    ours = explained.known in OWN
    return _Reason(
        explained.advice,
        f"{reply.code} {reply.enhanced}".rstrip(),
        of_another_host and not ours and explained.advice.actor is Actor.US,
        explained.known.link if explained.known else "",
        ours,
    )


def _finding(reason: _Reason, waiting: Sequence[_Waiting], now: float) -> Finding:
    oldest = min(waiting, key=lambda each: each.entry.arrived)
    messages = len({each.entry.id for each in waiting})
    seen = f"{_counted(messages)} for {_destinations(waiting)}, the oldest for "
    seen += _span(now - oldest.entry.arrived)
    if oldest.reply is None or reason.advice is None:
        seen += ", without an attempt so far"
        remedy = "Start the host; if it runs, look for warnings about the queue in its log."
    else:
        by = f"{oldest.by} said: " if oldest.by and not reason.ours else "the last result: "
        cause = f" ({oldest.reply.cause})" if oldest.reply.cause else ""
        seen += f"; {by}{oldest.reply}{cause}. {reason.advice.meaning}"
        remedy = f"{reason.advice.remedy} Responsible is {reason.advice.actor}. {reason.link}"
    command = f"mailhost queue show {oldest.entry.id}"
    fault = DEFERRED_BY_OTHERS if reason.for_us else MAIL_WAITS
    return warning(fault, f"mail that waits ({reason.codes})", seen, remedy.rstrip(), command)


def _more(reasons: Sequence[tuple[object, Sequence[_Waiting]]]) -> Finding:
    count = len({each.entry.id for _, waiting in reasons for each in waiting})
    seen = f"{_counted(count)} for {len(reasons)} further reasons"
    return warning(
        MAIL_WAITS, "more mail that waits", seen, "See the whole list:", "mailhost queue list"
    )


def _destinations(waiting: Sequence[_Waiting]) -> str:
    counts = Counter(each.destination for each in waiting)
    names = [name for name, _ in counts.most_common(MOST_DESTINATIONS)]
    more = len(counts) - len(names)
    return ", ".join(names) + (f" and {more} more domains" if more else "")


def _counted(count: int) -> str:
    return "1 message" if count == 1 else f"{count} messages"


def _span(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("hours", 3600)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds / 60:.0f} minutes"
