"""Reports to senders: bounces, delay warnings, success reports (RFC 3461 §5, RFC 5321 §6.1).

`wanted` says whether an outcome must be reported, and `compose_notice` makes one message of all
such outcomes. `Reports` hands the message over. Nothing is reported about a message from `<>`, so
that bounces make no loops.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from zope.interface import implementer

from mailhost.concurrency.answers import there
from mailhost.concurrency.threads import InThread
from mailhost.interfaces.events import Faulted, IEventSink, Reported
from mailhost.interfaces.outgoing import IOutgoing, OutgoingMessage
from mailhost.interfaces.queue import IReports
from mailhost.interfaces.reception import IHandover
from mailhost.message.address import Address
from mailhost.message.content import Content
from mailhost.message.dsn import (
    RecipientReport,
    Report,
    compose,
    enhanced_or_default,
    is_ascii,
)
from mailhost.message.envelope import Body, Envelope, ForwardPath, Notify, Return
from mailhost.message.ids import new_id
from mailhost.message.outcome import Fate, Outcome
from mailhost.message.status import Status
from mailhost.queue.report_text import explain

_OCCASION = {
    Fate.DELIVERED: Notify.SUCCESS,
    Fate.RELAYED: Notify.SUCCESS,
    Fate.EXPANDED: Notify.SUCCESS,
    Fate.PASSED_ON: Notify.NEVER,
    Fate.DEFERRED: Notify.DELAY,
    Fate.FAILED: Notify.FAILURE,
}


@dataclass(frozen=True, slots=True)
class Subject:
    """The message a notice is about. `arrived` is in seconds since the epoch."""

    envelope: Envelope
    content: Content
    identity: str
    arrived: float


@dataclass(frozen=True, slots=True)
class ReportMessage:
    """A message of ours to the sender, ready to be handed over. `kind` is for the log."""

    to: Address
    envelope: Envelope
    content: Content
    identity: str
    kind: str


def wanted(envelope: Envelope, outcome: Outcome) -> bool:
    """True if this outcome must be reported to the sender (RFC 3461 §4.1)."""
    occasion = _OCCASION[outcome.fate]
    return envelope.reverse_path is not None and outcome.recipient.wants(occasion)


def compose_notice(
    subject: Subject,
    outcomes: Sequence[Outcome],
    hostname: str,
    now: float,
    retry_until: float | None = None,
) -> ReportMessage | None:
    """Return one report of those outcomes that must be reported, None if there are none.

    `now` is when they were found out, `retry_until` when a deferral becomes a failure, both in
    seconds since the epoch. Reads the message: blocks; raises OSError.
    """
    envelope = subject.envelope
    reported = [outcome for outcome in outcomes if wanted(envelope, outcome)]
    if envelope.reverse_path is None or not reported:
        return None
    kind = _kind(reported)
    identity = new_id()
    international = _international(envelope, reported)
    content = compose(
        Report(
            hostname=hostname,
            to=envelope.reverse_path,
            subject=_TITLES[kind],
            text=explain(reported, hostname, subject.arrived, retry_until),
            recipients=tuple(_recipient(outcome, now, retry_until) for outcome in reported),
            returned=subject.content,
            whole=kind == BOUNCE and _whole(envelope),
            international=international,
            envelope_id=envelope.envelope_id,
            arrived=subject.arrived,
            identity=subject.identity,
        )
    )
    return _notice(envelope.reverse_path, content, identity, kind, international)


BOUNCE = "bounce"
WARNING = "delay warning"
SUCCESS = "delivery report"
ALARM = "alarm"
_TITLES = {
    BOUNCE: "Your message could not be delivered",
    WARNING: "Your message is delayed",
    SUCCESS: "Your message was delivered",
}


def _kind(outcomes: Sequence[Outcome]) -> str:
    fates = {outcome.fate for outcome in outcomes}
    if Fate.FAILED in fates:
        return BOUNCE
    return WARNING if Fate.DEFERRED in fates else SUCCESS


def _whole(envelope: Envelope) -> bool:
    """RFC 3461 §4.3; RFC 3030 §4 leaves no way to return binary content but its header."""
    return envelope.returns is not Return.HEADERS and envelope.body is not Body.BINARY


def _international(envelope: Envelope, outcomes: Sequence[Outcome]) -> bool:
    """RFC 6533 types are for mail that needed SMTPUTF8, and for UTF-8 in what is reported."""
    texts = [str(envelope.reverse_path or "")]
    texts += [f"{each.recipient.address}{each.recipient.original}" for each in outcomes]
    return envelope.smtputf8 or not all(text.isascii() for text in texts)


def _recipient(outcome: Outcome, now: float, retry_until: float | None) -> RecipientReport:
    status = outcome.status
    failed = outcome.fate is Fate.FAILED
    delayed = outcome.fate is Fate.DEFERRED
    answer = status.answer  # None for a verdict of this host, which is no SMTP reply
    return RecipientReport(
        address=outcome.recipient.address,
        action=str(outcome.fate),
        status=enhanced_or_default(status.enhanced, status.code),
        diagnostic=" ".join(str(answer or status).split()) if failed or delayed else "",
        diagnostic_type="smtp" if answer else "x-mailhost",
        remote=outcome.by,
        original=outcome.recipient.original,
        last_attempt=now,
        retry_until=retry_until if delayed else None,
    )


def _notice(
    to: Address, content: Content, identity: str, kind: str, international: bool
) -> ReportMessage:
    envelope = Envelope(
        reverse_path=None,
        recipients=(ForwardPath(to),),
        body=Body.SEVEN_BIT if is_ascii(content) else Body.EIGHT_BIT,
        smtputf8=international,
        size=content.size,
    )
    return ReportMessage(to, envelope, content, identity, kind)


def compose_alarm(entry_id: str, reason: str, hostname: str) -> ReportMessage:
    """Return a message to the postmaster about an entry that was parked."""
    postmaster = Address("postmaster", "")  # without a domain it is ours, RFC 5321 §4.5.1
    identity = new_id()
    fields = (
        f"From: Mail delivery <postmaster@{hostname}>",
        f"To: <postmaster@{hostname}>",
        f"Subject: Queue entry {entry_id} was parked",
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 7bit",
    )
    lines = (
        f"A message cannot be carried because of a fault in the mail host {hostname}.",
        "It is kept, and nothing is done with it until you say so:",
        "",
        f"    mailhost queue show {entry_id}",
        f"    mailhost queue release {entry_id}",
        "",
        f"The fault: {' '.join(reason.split())[:900].encode('ascii', 'replace').decode('ascii')}",
    )
    text = "\r\n".join((*fields, "", *lines, ""))
    return _notice(postmaster, Content((text.encode("ascii"),)), identity, ALARM, False)


@implementer(IReports)
class Reports:
    """Composes notices in a thread and hands them over.

    `handover` is set before the first report: it needs reports itself, so it is made after them.
    """

    handover: IHandover

    def __init__(
        self,
        hostname: str,
        events: IEventSink,
        in_thread: InThread,
        outgoing: IOutgoing,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.hostname = hostname
        self._events = events
        self._in_thread = in_thread
        self._outgoing = outgoing
        self._wall = wall

    async def report(
        self, envelope: Envelope, content: Content, identity: str, outcomes: Sequence[Outcome]
    ) -> None:
        now = self._wall()
        if not await self.send(Subject(envelope, content, identity, now), outcomes, now):
            raise OSError(f"{identity}: the report to its sender could not be kept")

    async def send(
        self,
        subject: Subject,
        outcomes: Sequence[Outcome],
        now: float,
        retry_until: float | None = None,
    ) -> bool:
        """Report to the sender. False if that must be tried again later. Raises OSError."""
        if not any(wanted(subject.envelope, outcome) for outcome in outcomes):
            return True
        notice = await self._in_thread(
            lambda: compose_notice(subject, outcomes, self.hostname, now, retry_until)
        )
        return notice is None or await self._hand_over(notice, subject.identity)

    async def alarm(self, entry_id: str, identity: str, reason: str) -> None:
        """Report to the postmaster that an entry was parked. Tried once: the log says so too."""
        await self._hand_over(compose_alarm(entry_id, reason, self.hostname), identity)

    async def _hand_over(self, notice: ReportMessage, about: str) -> bool:
        """True if the report is safe, or is refused for good: then only the log has it."""
        status = await self._take(notice)
        if status.ok:
            self._events.emit(Reported(about, notice.kind, notice.to))
            return True
        cause = f"{about}: the {notice.kind} to <{notice.to}> was refused: {status}"
        self._events.emit(Faulted("queue", f"{cause} {status.cause}".rstrip()))
        return status.permanent

    async def _take(self, notice: ReportMessage) -> Status:
        author = Address("postmaster", self.hostname)
        message = OutgoingMessage(notice.envelope, notice.content, author, notice.identity)
        content: Content | Status = await there(self._outgoing.leave(message))
        if isinstance(content, Status):
            return content
        envelope = replace(notice.envelope, size=content.size)
        return await self.handover.take_or_queue(envelope, content, notice.identity)
