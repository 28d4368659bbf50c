"""The message that takes a report to its destination, and how it leaves."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from mailhost.aggregate_reports.report import NotNow, NotSent
from mailhost.interfaces.events import IEventSink
from mailhost.interfaces.outgoing import IOutgoing, OwnMessage
from mailhost.interfaces.reception import IHandover
from mailhost.message.address import Address
from mailhost.message.content import Content
from mailhost.message.header import has_field
from mailhost.message.ids import new_id
from mailhost.message.mime.encodings import encode_base64
from mailhost.own_messages import complete, hand_over, own_message

UNSIGNED = "the mail has no DKIM signature and would be ignored; see `mailhost dkim list`"


@dataclass(frozen=True, slots=True)
class ReportMail:
    """The contents of the message.

    `kind` names the reports in the log and in the From field, `author` is the address there.
    `domain` is the one that the report is for, `submitter` the host that reports. `report_id` goes
    into the Subject field between `<` and `>`. `fields` are further header fields, without line
    ends. `container` is the media type of the message, `text` its part for persons, line by line.
    `media_type`, `file_name` and `file` are those of the report.
    """

    kind: str
    author: str
    domain: str
    submitter: str
    report_id: str
    fields: tuple[str, ...]
    container: str
    text: tuple[str, ...]
    media_type: str
    file_name: str
    file: bytes


def report_id(hostname: str, domain: str, begin: int) -> str:
    """Return the identifier of a report. It is the same when the report is sent again."""
    return sha256(f"{hostname} {domain} {begin}".encode()).hexdigest()[:24]


def compose(mail: ReportMail, to: Address) -> OwnMessage:
    """Return the message to one address."""
    identity = new_id()
    content = Content((_header(mail, to) + encode_base64(mail.file), b"\r\n--r--\r\n"))
    return own_message(to, content, identity, mail.kind, mail.report_id, not str(to).isascii())


@dataclass(frozen=True, slots=True)
class MailServices:
    """The services that send mail in the name of this host, in one generation of the settings."""

    hostname: str
    outgoing: IOutgoing
    handover: IHandover

    async def send(self, message: OwnMessage, events: IEventSink, signed: bool = False) -> None:
        """Have a message leave; with `signed` only if it has a DKIM signature. Raises NotNow,
        NotSent."""
        author = Address("postmaster", self.hostname)
        try:
            leaving = await complete(message, author, self.outgoing, events)
            if leaving is None:
                raise NotSent("this host refuses the mail, as the log says")
            if signed and not has_field(leaving.content.header(), "DKIM-Signature"):
                raise NotNow(UNSIGNED)
            if not await hand_over(leaving, self.handover, events):
                raise NotNow("the queue does not take the mail")
        except OSError as error:
            raise NotNow(str(error)) from error


def _header(mail: ReportMail, to: Address) -> bytes:
    lines = (
        f"From: {mail.kind}s <{mail.author}>",
        f"To: <{to}>",
        f"Subject: Report Domain: {mail.domain}",
        f" Submitter: {mail.submitter}",
        f" Report-ID: <{mail.report_id}>",
        *mail.fields,
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
        f'Content-Type: {mail.container}; boundary="r"',
        "",
        "--r",
        "Content-Type: text/plain; charset=us-ascii",
        "",
        *mail.text,
        "",
        "--r",
        f"Content-Type: {mail.media_type};",
        f' name="{mail.file_name}"',
        "Content-Disposition: attachment;",
        f' filename="{mail.file_name}"',
        "Content-Transfer-Encoding: base64",
        "",
        "",
    )
    return "\r\n".join(lines).encode()
