"""Findings about mail that waits in the queue: since when, for which destinations, and why.

Messages that wait for the same reason are one finding, whatever their destinations: a network that
is down delays mail for all of them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from mailhost.doctor.finding import Fault, Finding, failure, warning
from mailhost.doctor.host.queue_files import QueueFiles
from mailhost.doctor.replies.explain import explain
from mailhost.doctor.replies.explanation import Explanation
from mailhost.message.status import Status
from mailhost.queue.entry import Entry, Progress, Recipient
from mailhost.queue.spool import FoundEntry

MAIL_WAITS = Fault(
    "mail-waits", "Mail that waits too long is returned to its sender when it expires."
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


def waiting_findings(files: QueueFiles, now: float) -> Iterator[Finding]:
    """Yield the findings about stopped mail, and about mail that waits for more than an hour."""
    whole = [each for each in files.entries if not each.damage]
    yield from _stopped(whole)
    late = [each for each in _recipients(whole) if now - each.entry.arrived > LONG]
    reasons: defaultdict[tuple[Explanation | None, str], list[_Waiting]] = defaultdict(list)
    for each in late:
        reasons[_reason(each.reply)].append(each)
    ordered = sorted(reasons.items(), key=lambda item: -len(item[1]))
    for (advice, codes), waiting in ordered[:MOST_REASONS]:
        yield _finding(advice, codes, waiting, now)
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


def _reason(reply: Status | None) -> tuple[Explanation | None, str]:
    """Return what replies of one reason have in common: their meaning, and the codes."""
    if reply is None:
        return None, "not tried yet"
    return explain(str(reply)).advice, f"{reply.code} {reply.enhanced}".rstrip()


def _finding(
    advice: Explanation | None, codes: str, waiting: Sequence[_Waiting], now: float
) -> Finding:
    oldest = min(waiting, key=lambda each: each.entry.arrived)
    messages = len({each.entry.id for each in waiting})
    seen = f"{_counted(messages)} for {_destinations(waiting)}, the oldest for "
    seen += _span(now - oldest.entry.arrived)
    if oldest.reply is None or advice is None:
        seen += ", without an attempt so far"
        remedy = "Start the host; if it runs, look for warnings about the queue in its log."
    else:
        outcome = oldest.recipient.outcome
        by = f"{outcome.by} said: " if outcome and outcome.by else "the last result: "
        cause = f" ({oldest.reply.cause})" if oldest.reply.cause else ""
        seen += f"; {by}{oldest.reply}{cause}. {advice.meaning}"
        remedy = f"{advice.remedy} Responsible is {advice.actor}."
    command = f"mailhost queue show {oldest.entry.id}"
    return warning(MAIL_WAITS, f"mail that waits ({codes})", seen, remedy, command)


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
