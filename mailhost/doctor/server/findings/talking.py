"""Findings about greeting and EHLO: delays, refusals, and something else that is spoken."""

from __future__ import annotations

from collections.abc import Iterator

from mailhost.doctor.finding import Fault, Finding, failure, ok, warning
from mailhost.doctor.server.findings.mail_programs import security_of, settings_lines
from mailhost.doctor.server.findings.note import NO_TITLE, Note, quoted
from mailhost.doctor.server.findings.refusals import (
    BLOCKLISTED,
    blocklist_remedy,
    is_blocklist,
)
from mailhost.doctor.server.record import Kind, Record, Step, Trouble

GREETING_DELAYED = Fault(
    "greeting-delayed",
    "Some mail programs give up before the greeting, and sending takes long for all others.",
)
STALLED = Fault(
    "server-stalled", "The server accepts connections, and then does not answer in time."
)
CONNECTION_LOST = Fault(
    "connection-lost", "Something ends the connection before a mail can be sent or read."
)
BUSY = Fault("server-busy", "The server takes no connections for now; later it may.")
REFUSES_US = Fault(
    "server-refuses-client", "The server refuses every mail from the address of this machine."
)
WRONG_SERVICE = Fault(
    "wrong-service", "Mail programs that are set to this port cannot talk with what is there."
)
TLS_MODE_WRONG = Fault(
    "tls-mode-wrong",
    "Where one side begins with TLS and the other with text, both wait for each other.",
)
LATE = 4.0  # seconds
_HTTP = (b"HTTP/", b"<!DOC", b"<html")
_ALERT = b"\x15\x03"
_TALKING = (Step.GREETING, Step.HELLO)


def talking_notes(record: Record) -> Iterator[Note]:
    """Yield what the greeting and the reply to EHLO show."""
    place, trouble = record.place, record.trouble
    if record.second is not None:
        yield Note(place, _speaks(record, record.second))
    elif trouble is not None and (trouble.step in _TALKING or record.silent):
        yield Note(place, _failed(record, trouble))
    elif record.offered is not None:
        yield Note(place, ok(NO_TITLE, _summary(record)))
    if record.greeting and record.delay >= LATE:
        yield Note(place, _delayed(record.delay), "greeting")


def _summary(record: Record) -> str:
    parts = [quoted(record.greeting)]
    if record.in_clear is not None and record.in_clear.starttls:
        parts.append("STARTTLS")
    if record.offered is not None and record.offered.mechanisms:
        parts.append(f"login by {quoted(', '.join(record.offered.mechanisms))}")
    return "; ".join(parts)


def _delayed(seconds: float) -> Finding:
    remedy = (
        "Wait: some servers delay strangers on purpose. The operator of the server checks that its "
        "DNS servers answer, since a greeting often waits for them."
    )
    return warning(GREETING_DELAYED, NO_TITLE, f"it came after {seconds:.0f} s", remedy)


def _speaks(record: Record, second: Record) -> Finding:
    """Return the finding about a port at which another protocol, or other TLS, was found."""
    host, expected, found = record.place.host, record.place.service, second.place.service
    remedy = "Set the mail program to what the port is for:"
    lines = settings_lines(host, found)
    if expected.wire is not found.wire:
        seen = f"{found.wire.value} is spoken there instead of {expected.wire.value}"
        return failure(WRONG_SERVICE, NO_TITLE, seen, remedy, *lines)
    begin = "begins with TLS" if found.implicit_tls else "begins in plain text"
    seen = f"the server {begin}, and {security_of(expected)} is usual at this port"
    return failure(TLS_MODE_WRONG, NO_TITLE, seen, remedy, *lines)


def _failed(record: Record, trouble: Trouble) -> Finding:
    if trouble.kind is Kind.REPLY:
        return refused(trouble.text)
    if trouble.kind is Kind.TIMED_OUT:
        seen = "connected, and nothing came" if record.silent else trouble.text
        remedy = "Ask the operator of the server; a firewall or virus scanner may sit in between."
        return failure(STALLED, NO_TITLE, seen, remedy)
    if trouble.kind is Kind.STRANGE:
        return _strange(record, trouble)
    what = "reset" if trouble.kind is Kind.RESET else "closed"
    moment = "before a greeting" if trouble.step is Step.GREETING else "after the greeting"
    remedy = (
        "Look whether a firewall, a virus scanner or a fail2ban of the server ends the connection; "
        "try from another network."
    )
    return failure(CONNECTION_LOST, NO_TITLE, f"connection {what} {moment}", remedy)


def refused(text: str) -> Finding:
    """Return the finding about a refusal of the client, in the text of the server."""
    seen = f"refused: {quoted(text)}"
    if is_blocklist(text):
        remedy, lines = blocklist_remedy(text)
        return failure(BLOCKLISTED, NO_TITLE, seen, remedy, *lines)
    if text.startswith(("4", "* BYE", "-ERR [SYS/TEMP")):
        remedy = "Try again later; the queue of a mail server does so by itself."
        return failure(BUSY, NO_TITLE, seen, remedy)
    remedy = "Read what the server says, and write to its postmaster by another way."
    return failure(REFUSES_US, NO_TITLE, seen, remedy)


def _strange(record: Record, trouble: Trouble) -> Finding:
    wire = record.place.service.wire.value
    if record.began.startswith(_ALERT):
        seen = f"TLS is spoken there instead of {wire} in plain text, and no handshake succeeds"
    elif record.began.startswith(_HTTP):
        seen = f"a web server (HTTP) answers there, and no {wire} server"
    else:
        seen = f"what answers is no {wire} server: {quoted(trouble.text)}"
    remedy = "Compare server name and port in the mail program with what the provider gave you."
    return failure(WRONG_SERVICE, NO_TITLE, seen, remedy)
