"""Delivery status notifications as messages: bounces, delay warnings, success reports.

A report is multipart/report (RFC 6522): a text for people, a message/delivery-status part for
programs (RFC 3464), and the original message or its header section. Where addresses are UTF-8 the
types of RFC 6533 are used. The original message is referred to by its pieces, not copied.
"""

from __future__ import annotations

import binascii
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

from mailhost.message.address import Address
from mailhost.message.content import Content
from mailhost.message.date import format_date

LARGEST_RETURNED_MESSAGE = 1_000_000  # octets; a larger message is returned as its header alone
LARGEST_RETURNED_HEADER = 64_000  # octets; what follows is left out
LONGEST_LINE = 998  # octets without CRLF, RFC 5322 §2.1.1
_FOLDED_LINE = 76
_ENHANCED = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


@dataclass(frozen=True, slots=True)
class RecipientReport:
    """One group of recipient fields (RFC 3464 §2.3).

    `original` is ORCPT as `type;address`, decoded. `action` is failed, delayed, delivered, relayed
    or expanded. `status` is an enhanced status code. `diagnostic` is the reply that led to the
    report, and `diagnostic_type` its type: smtp for the reply of another host. `remote` is the name
    of that host, followed by a blank and its IP address where that is known. Times are in seconds
    since the epoch.
    """

    address: Address
    action: str
    status: str
    diagnostic: str = ""
    diagnostic_type: str = "smtp"
    remote: str = ""
    original: str = ""
    last_attempt: float | None = None
    retry_until: float | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """All data of a notification.

    `text` is for people: lines that are wrapped already, joined by LF. `returned` is the original
    content; with `whole` all of it is returned, otherwise its header section. `international`
    demands the types of RFC 6533, so that the notification needs SMTPUTF8. `identity` is the id of
    the message in the log of this host. `arrived` is in seconds since the epoch.
    """

    hostname: str
    to: Address
    subject: str
    text: str
    recipients: tuple[RecipientReport, ...]
    returned: Content
    whole: bool = False
    international: bool = False
    envelope_id: str = ""
    arrived: float | None = None
    identity: str = ""


def compose(report: Report) -> Content:
    """Return the notification, without Date and Message-ID: these are added to all outgoing mail.

    Reads the original message: blocks; raises OSError.
    """
    boundary = f"=_{secrets.token_hex(16)}".encode("ascii")
    kind, returned = _returned(report)
    status = Content((delivery_status(report),))
    parts = [
        _text_part(report.text),
        _part(_status_type(report), status),
        _part(kind, returned),
    ]
    between = Content((b"\r\n--" + boundary + b"\r\n",))
    body = [content for part in parts for content in (between, *part)]
    header = _message_header(report, boundary.decode("ascii"), not all(map(is_ascii, body)))
    last = Content((b"\r\n--" + boundary + b"--\r\n",))
    contents = (Content((header,)), *body, last)
    return Content(tuple(piece for content in contents for piece in content.pieces))


def is_ascii(content: Content) -> bool:
    """True where no octet is above 127. Content with such octets needs BODY=8BITMIME."""
    return all(chunk.isascii() for chunk in content.chunks())


def delivery_status(report: Report) -> bytes:
    """Return the body of the message/delivery-status part (RFC 3464 §2.1)."""
    groups = [_message_fields(report)]
    groups += [_recipient_fields(each, report) for each in report.recipients]
    return b"\r\n".join(
        b"".join(_field(name, value, report.international) for name, value in group)
        for group in groups
    )


def enhanced_or_default(enhanced: str, code: int) -> str:
    """Return an enhanced code that RFC 3464 §2.3.4 allows; without one, make it of the reply code.

    >>> enhanced_or_default("", 550)
    '5.0.0'
    """
    return enhanced if _ENHANCED.fullmatch(enhanced) else f"{code // 100}.0.0"


# --- fields ------------------------------------------------------------------------------------


def _message_fields(report: Report) -> Iterator[tuple[str, str]]:
    yield "Reporting-MTA", f"dns; {report.hostname}"
    if report.envelope_id:
        yield "Original-Envelope-Id", report.envelope_id
    if report.arrived is not None:
        yield "Arrival-Date", format_date(int(report.arrived))


def _recipient_fields(recipient: RecipientReport, report: Report) -> Iterator[tuple[str, str]]:
    if recipient.original:
        kind, _, address = recipient.original.partition(";")
        yield "Original-Recipient", f"{kind}; {address}"
    kind = "rfc822" if recipient.address.ascii else "utf-8"  # RFC 6533 §3
    yield "Final-Recipient", f"{kind}; {recipient.address}"
    yield "Action", recipient.action
    yield "Status", recipient.status
    if recipient.remote:
        yield "Remote-MTA", f"dns; {recipient.remote.split()[0]}"
    if recipient.diagnostic:
        yield "Diagnostic-Code", f"{recipient.diagnostic_type}; {recipient.diagnostic[:2000]}"
    if recipient.last_attempt is not None:
        yield "Last-Attempt-Date", format_date(int(recipient.last_attempt))
    if report.identity:
        yield "Final-Log-ID", report.identity
    if recipient.retry_until is not None:
        yield "Will-Retry-Until", format_date(int(recipient.retry_until))


def _message_header(report: Report, boundary: str, eight_bit: bool) -> bytes:
    fields = [
        ("From", f"Mail delivery <postmaster@{report.hostname}>"),
        ("To", f"<{report.to}>"),
        ("Subject", report.subject),
        ("Auto-Submitted", "auto-replied"),  # RFC 3834 §5
        ("MIME-Version", "1.0"),
        (
            "Content-Type",
            f'multipart/report; report-type=delivery-status; boundary="{boundary}"',
        ),
        ("Content-Transfer-Encoding", "8bit" if eight_bit else "7bit"),
    ]
    return b"".join(_field(name, value, report.international) for name, value in fields)


def _field(name: str, value: str, international: bool) -> bytes:
    """Return one field, folded, without control characters; in ASCII unless `international`."""
    text = _CONTROLS.sub(" ", value).strip().split(" ")
    if not international:
        text = [word if word.isascii() else _ascii(word) for word in text]
    lines = [f"{name}:"]
    for word in text:
        if len(lines[-1]) + 1 + len(word) > _FOLDED_LINE and lines[-1] != f"{name}:":
            lines.append("")
        lines[-1] += f" {word}"
    return b"\r\n".join(_short(line.encode()) for line in lines) + b"\r\n"


def _ascii(word: str) -> str:
    return word.encode("ascii", "replace").decode("ascii")


def _short(line: bytes) -> bytes:
    """Return the line; a word that is too long for a line is cut, never inside a character."""
    return line if len(line) <= LONGEST_LINE else line[:900].decode(errors="ignore").encode()


# --- parts -------------------------------------------------------------------------------------


def _part(kind: str, body: Content) -> tuple[Content, Content]:
    encoding = "7bit" if is_ascii(body) else "8bit"
    head = f"Content-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return Content((head.encode("ascii"),)), body


def _status_type(report: Report) -> str:
    return f"message/{'global-' if report.international else ''}delivery-status"


def _text_part(text: str) -> tuple[Content, Content]:
    """Return the header and body of the text part. Text outside ASCII is quoted-printable, which
    also hosts without 8BITMIME accept."""
    body = "".join(f"{_CONTROLS.sub(' ', line)}\r\n" for line in text.split("\n")).encode()
    kind = "text/plain; charset=utf-8"
    if body.isascii():
        return _part(kind, Content((body,)))
    head = f"Content-Type: {kind}\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    return Content((head.encode("ascii"),)), Content((binascii.b2a_qp(body),))


def _returned(report: Report) -> tuple[str, Content]:
    """Return the type and body of the third part: the message or its header section.

    The message is returned where the report demands that, its size allows it and each line fits.
    RFC 6533 §4 demands message/global where the original needed SMTPUTF8.
    """
    original = report.returned
    small = original.size <= LARGEST_RETURNED_MESSAGE
    if report.whole and small and _fits_lines(original.chunks()):
        return ("message/global" if report.international else "message/rfc822"), original
    header = _header_lines(original.header()[:LARGEST_RETURNED_HEADER])
    kind = "message/global-headers" if report.international else "text/rfc822-headers"
    return kind, Content((header,))


def _fits_lines(chunks: Iterator[bytes]) -> bool:
    """True where no line is longer than RFC 5321 §4.5.3.1.6 allows, and no octet is NUL."""
    line_length = 0
    for chunk in chunks:
        first, *others = chunk.split(b"\n")
        lengths = [line_length + len(first), *map(len, others)]
        if max(lengths) > LONGEST_LINE + 1 or b"\0" in chunk:
            return False
        line_length = lengths[-1]
    return True


def _header_lines(header: bytes) -> bytes:
    """Return the whole lines of a header section: cut to LONGEST_LINE octets, without NULs."""
    lines = header.replace(b"\0", b"").split(b"\r\n")
    return b"".join(line[:LONGEST_LINE] + b"\r\n" for line in lines[: max(len(lines) - 1, 1)])
