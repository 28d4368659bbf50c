"""Reports to senders: bounces, delay warnings, success reports (RFC 3461 §5, RFC 5321 §6.1).

`wanted` says whether an outcome must be reported, and `compose_report` makes one message of all
such outcomes. `Reports` returns the completed message; its caller hands the message over (see
`own_messages`). No report is made about a message from `<>`, so that bounces make no loops.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from zope.interface import implementer

from mailhost.concurrency.threads import InThread
from mailhost.interfaces.events import IEventSink
from mailhost.interfaces.outgoing import IOutgoing, OwnMessage
from mailhost.interfaces.queue import IReports
from mailhost.message.address import Address
from mailhost.message.content import Content
from mailhost.message.dsn import (
    RecipientReport,
    Report,
    compose,
    enhanced_or_default,
)
from mailhost.message.envelope import Body, Envelope, Notify, Return
from mailhost.message.ids import new_id
from mailhost.message.outcome import Fate, Outcome
from mailhost.message.tls_demand import TLSDemand
from mailhost.own_messages import complete, own_message
from mailhost.queue.bounce_text import explain

_OCCASION = {
    Fate.DELIVERED: Notify.SUCCESS,
    Fate.RELAYED: Notify.SUCCESS,
    Fate.EXPANDED: Notify.SUCCESS,
    Fate.PASSED_ON: Notify.NEVER,
    Fate.DEFERRED: Notify.DELAY,
    Fate.FAILED: Notify.FAILURE,
}


@dataclass(frozen=True, slots=True)
class ReportedMessage:
    """The message that a report is about. `arrived` is in seconds since the epoch."""

    envelope: Envelope
    content: Content
    identity: str
    arrived: float


def wanted(envelope: Envelope, outcome: Outcome) -> bool:
    """True if this outcome must be reported to the sender (RFC 3461 §4.1)."""
    occasion = _OCCASION[outcome.fate]
    return envelope.reverse_path is not None and outcome.recipient.wants(occasion)


def compose_report(
    subject: ReportedMessage,
    outcomes: Sequence[Outcome],
    hostname: str,
    now: float,
    retry_until: float | None = None,
) -> OwnMessage | None:
    """Return one report of those outcomes that must be reported, None if there are none.

    `now` is when the outcomes became known, `retry_until` when a deferral becomes a failure, both
    in seconds since the epoch. Reads the message: blocks; raises OSError.
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
    # RFC 8689 §5: a bounce is protected as the message that it is about
    tls = TLSDemand.REQUIRED if envelope.tls is TLSDemand.REQUIRED else TLSDemand.USUAL
    return own_message(
        envelope.reverse_path, content, identity, kind, subject.identity, international, tls
    )


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
    """RFC 3461 §4.3. RFC 3030 §4 leaves no way to return binary content but its header, and RFC
    8689 §5 forbids to return more of a message with REQUIRETLS."""
    if envelope.body is Body.BINARY or envelope.tls is TLSDemand.REQUIRED:
        return False
    return envelope.returns is not Return.HEADERS


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


def compose_alarm(entry_id: str, about: str, reason: str, hostname: str) -> OwnMessage:
    """Return a message to the postmaster about an entry that was parked. `about` is the identity of
    its message."""
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
    content = Content((text.encode("ascii"),))
    return own_message(postmaster, content, identity, ALARM, about, international=False)


@implementer(IReports)
class Reports:
    """Composes reports in a thread, and completes them. `wall` gives seconds since the epoch."""

    def __init__(
        self,
        hostname: str,
        events: IEventSink,
        in_thread: InThread,
        outgoing: IOutgoing,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._hostname = hostname
        self._events = events
        self._in_thread = in_thread
        self._outgoing = outgoing
        self._wall = wall

    async def compose(
        self, envelope: Envelope, content: Content, identity: str, outcomes: Sequence[Outcome]
    ) -> OwnMessage | None:
        now = self._wall()
        return await self.compose_about(
            ReportedMessage(envelope, content, identity, now), outcomes, now
        )

    async def compose_about(
        self,
        subject: ReportedMessage,
        outcomes: Sequence[Outcome],
        now: float,
        retry_until: float | None = None,
    ) -> OwnMessage | None:
        """Compose as `compose`, about a message that arrived earlier. The times are as those of
        `compose_report`."""
        if not any(wanted(subject.envelope, outcome) for outcome in outcomes):
            return None
        report = await self._in_thread(
            lambda: compose_report(subject, outcomes, self._hostname, now, retry_until)
        )
        return report and await self._complete(report)

    async def compose_alarm(self, entry_id: str, identity: str, reason: str) -> OwnMessage | None:
        """Return a message to the postmaster: an entry was parked for `reason`. None and OSError as
        `compose`."""
        return await self._complete(compose_alarm(entry_id, identity, reason, self._hostname))

    async def _complete(self, report: OwnMessage) -> OwnMessage | None:
        author = Address("postmaster", self._hostname)
        return await complete(report, author, self._outgoing, self._events)
