"""Findings about the recipient that was named by MAIL and RCPT, without a message."""

from __future__ import annotations

from collections.abc import Iterator

from mailhost.doctor.finding import Fault, Finding, failure, ok, unknown, warning
from mailhost.doctor.replies.explain import explain
from mailhost.doctor.server.findings.note import NO_TITLE, Note, quoted
from mailhost.doctor.server.findings.refusals import (
    BLOCKLISTED,
    GREYLISTED,
    blocklist_remedy,
    is_blocklist,
    is_greylisting,
)
from mailhost.doctor.server.record import Answer, Record, Step, Trouble
from mailhost.doctor.server.services import MailProtocol
from mailhost.doctor.server.survey import Surveyed

RECIPIENT_DEFERRED = Fault(
    "recipient-deferred",
    "The server accepts no mail for the recipient now, and may accept it later.",
)
RECIPIENT_REFUSED = Fault(
    "recipient-refused", "The server refuses mail for the recipient from this machine."
)
RECIPIENT_NOT_TRIED = Fault(
    "recipient-not-tried", "Whether the server takes mail for the recipient is not known."
)
_WAIT = (
    "Nothing: the queue of a mail server tries again by itself, and the message passes after some "
    "minutes."
)


def recipient_notes(surveyed: Surveyed) -> Iterator[Note]:
    """Yield the notes about the replies of the server for the recipient."""
    recipient = surveyed.wanted.asked.recipient
    what = f"mail to {recipient}"
    if not recipient:
        return
    for record in surveyed.used:
        if record.recipient is not None:
            yield Note(record.place, _answered(record.recipient), what)
        elif record.sender is not None and not record.sender.ok:
            yield Note(record.place, _answered(record.sender), what)
        elif record.trouble is not None and _was_due(surveyed, record, record.trouble):
            yield Note(record.place, _cut_short(record.trouble), what)


def _was_due(surveyed: Surveyed, record: Record, trouble: Trouble) -> bool:
    """Return True for a probe that was to send RCPT and ended before it, for another reason than
    its login."""
    if record.place.service.protocol is not MailProtocol.SMTP:
        return False
    return trouble.step is Step.USE or not surveyed.wanted.asked.user


def _answered(answer: Answer) -> Finding:
    if answer.ok:
        return ok(NO_TITLE, f"accepted, nothing was sent: {quoted(answer.text)}")
    if is_blocklist(answer.text):
        remedy, lines = blocklist_remedy(answer.text)
        seen = f"refused: {quoted(answer.text)}"
        return failure(BLOCKLISTED, NO_TITLE, seen, remedy, *lines)
    seen = quoted(answer.text)
    if is_greylisting(answer):
        return warning(GREYLISTED, NO_TITLE, f"deferred: {seen}", _WAIT)
    advice = explain(answer.text).advice
    remedy = f"{advice.meaning} {advice.remedy}"
    if answer.temporary:
        return warning(RECIPIENT_DEFERRED, NO_TITLE, f"deferred: {seen}", remedy)
    return failure(RECIPIENT_REFUSED, NO_TITLE, f"refused: {seen}", remedy)


def _cut_short(trouble: Trouble) -> Finding:
    seen = f"no reply: {quoted(trouble.text) or f'the server {trouble.kind.value}'}"
    return unknown(RECIPIENT_NOT_TRIED, NO_TITLE, seen, "Try again in some minutes.")
