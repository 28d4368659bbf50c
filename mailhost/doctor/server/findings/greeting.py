"""Findings about the greeting and EHLO: delays, refusals, and servers of another protocol."""

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
    "Some mail programs time out before the greeting, and all others need long to send a message.",
)
STALLED = Fault(
    "server-stalled", "The server accepts connections, and then does not answer in time."
)
CONNECTION_LOST = Fault(
    "connection-lost", "The connection ends before a message can be sent or read."
)
BUSY = Fault("server-busy", "The server accepts no connections now, and may accept them later.")
REFUSES_US = Fault(
    "server-refuses-client", "The server refuses every mail from the address of this machine."
)
WRONG_SERVICE = Fault(
    "wrong-service",
    "Mail programs that use this port cannot work: the server has another protocol.",
)
TLS_MODE_WRONG = Fault(
    "tls-mode-wrong",
    "If one side begins with TLS and the other in plain text, both wait for each other.",
)
LATE = 4.0  # seconds
_HTTP = (b"HTTP/", b"<!DOC", b"<html")
_ALERT = b"\x15\x03"
_STEPS = (Step.GREETING, Step.HELLO)


def greeting_notes(record: Record) -> Iterator[Note]:
    """Yield what the greeting and the reply to EHLO show."""
    place, trouble = record.place, record.trouble
    if record.second is not None:
        yield Note(place, _other_protocol(record, record.second))
    elif trouble is not None and (trouble.step in _STEPS or record.silent):
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
        "Wait: some servers delay unknown clients on purpose. The operator of the server checks "
        "that its DNS servers answer, since many servers look up the client before they greet."
    )
    return warning(GREETING_DELAYED, NO_TITLE, f"it came after {seconds:.0f} s", remedy)


def _other_protocol(record: Record, second: Record) -> Finding:
    """Return the finding about a port at which another protocol, or other TLS, was found."""
    host, expected, found = record.place.host, record.place.service, second.place.service
    remedy = "Set the mail program to the protocol and the encryption of the port:"
    lines = settings_lines(host, found)
    if expected.protocol is not found.protocol:
        seen = f"the server uses {found.protocol.value} instead of {expected.protocol.value}"
        return failure(WRONG_SERVICE, NO_TITLE, seen, remedy, *lines)
    begin = "begins with TLS" if found.implicit_tls else "begins in plain text"
    seen = f"the server {begin}; the standard for this port is {security_of(expected)}"
    return failure(TLS_MODE_WRONG, NO_TITLE, seen, remedy, *lines)


def _failed(record: Record, trouble: Trouble) -> Finding:
    if trouble.kind is Kind.REPLY:
        return refused(trouble.text)
    if trouble.kind is Kind.TIMED_OUT:
        seen = "connected, and the server sent nothing" if record.silent else trouble.text
        remedy = "Ask the operator of the server; a firewall or virus scanner may be the cause."
        return failure(STALLED, NO_TITLE, seen, remedy)
    if trouble.kind is Kind.STRANGE:
        return _strange(record, trouble)
    what = "reset" if trouble.kind is Kind.RESET else "closed"
    moment = "before a greeting" if trouble.step is Step.GREETING else "after the greeting"
    remedy = (
        "Check whether a firewall, a virus scanner or fail2ban on the server ends the connection; "
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
    remedy = "Read the reply of the server, and write to its postmaster from another address."
    return failure(REFUSES_US, NO_TITLE, seen, remedy)


def _strange(record: Record, trouble: Trouble) -> Finding:
    protocol = record.place.service.protocol.value
    if record.began.startswith(_ALERT):
        seen = f"the server uses TLS instead of {protocol} in plain text, and no handshake succeeds"
    elif record.began.startswith(_HTTP):
        seen = f"a web server (HTTP) answers, and no {protocol} server"
    else:
        seen = f"the server is no {protocol} server: {quoted(trouble.text)}"
    remedy = "Compare server name and port in the mail program with those of the provider."
    return failure(WRONG_SERVICE, NO_TITLE, seen, remedy)
