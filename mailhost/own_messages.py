"""Messages that this host writes itself, from the last steps before they leave to the handover.

A part that writes a message does not hand it over. It calls `own_message` and `complete`, and
returns the OwnMessage as a value to its caller, up to a part that has the handover; that part calls
`hand_over`. So no part below the handover depends on it:

- The handover finds that recipients of a message fail: the queue's reports compose a bounce, and
  the handover hands the bounce over.
- An attempt of the queue fails: the same reports compose a bounce, and the attempt hands it over
  before the recipients are written down as settled. A crash in between sends the bounce twice, and
  never loses it.

Local delivery is below the handover as well. If it is to write messages (for Sieve, which is not
implemented), it can return OwnMessages with the outcomes. Its caller, the handover or an attempt of
the queue, then hands them over before it records the outcome of the recipient.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from mailhost.concurrency.answers import result_of
from mailhost.interfaces.events import Faulted, IEventSink, Reported
from mailhost.interfaces.outgoing import IOutgoing, OutgoingMessage, OwnMessage
from mailhost.interfaces.reception import IHandover
from mailhost.message.address import Address
from mailhost.message.content import Content
from mailhost.message.dsn import is_ascii
from mailhost.message.envelope import Body, Envelope, ForwardPath
from mailhost.message.ids import new_id
from mailhost.message.mime.encodings import encode_quoted_printable
from mailhost.message.status import Status
from mailhost.message.tls_demand import TLSDemand


def own_message(
    to: Address,
    content: Content,
    identity: str,
    kind: str,
    about: str,
    international: bool,
    tls: TLSDemand = TLSDemand.USUAL,
) -> OwnMessage:
    """Return a message to one address, with the null reverse-path, so that no report makes a bounce
    (RFC 5321 §4.5.5). `international` says that it needs SMTPUTF8."""
    envelope = Envelope(
        reverse_path=None,
        recipients=(ForwardPath(to),),
        body=Body.SEVEN_BIT if is_ascii(content) else Body.EIGHT_BIT,
        smtputf8=international,
        size=content.size,
        tls=tls,
    )
    return OwnMessage(to, envelope, content, identity, kind, about)


def text_message(
    to: Address, hostname: str, author: str, subject: str, lines: Iterable[str], kind: str
) -> OwnMessage:
    """Return a message of lines of text to one address. `author` is the name beside the address of
    the postmaster of the host. The lines must have no control characters."""
    header = (
        f"From: {author} <postmaster@{hostname}>",
        f"To: <{to}>",
        f"Subject: {subject}",
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: quoted-printable",
        "",
        "",
    )
    text = "\r\n".join(lines) + "\r\n"
    body = encode_quoted_printable(text.encode("utf-8", "replace"))
    content = Content(("\r\n".join(header).encode(), body))
    identity = new_id()
    return own_message(to, content, identity, kind, identity, not str(to).isascii())


async def complete(
    message: OwnMessage, author: Address, outgoing: IOutgoing, events: IEventSink
) -> OwnMessage | None:
    """Return the message as it leaves, after the last steps of `outgoing`.

    None where these refuse it for good: only the log has it then. Raises OSError where they may
    take it later.
    """
    leaving = OutgoingMessage(message.envelope, message.content, author, message.identity)
    content: Content | Status = await result_of(outgoing.leave(leaving))
    if not isinstance(content, Status):
        envelope = replace(message.envelope, size=content.size)
        return replace(message, envelope=envelope, content=content)
    if content.temporary:
        raise OSError(_refusal(message, content))
    events.emit(Faulted("queue", _refusal(message, content)))
    return None


async def hand_over(message: OwnMessage, handover: IHandover, events: IEventSink) -> bool:
    """Hand over a completed message, and log the result. True if it is safe, or is refused for
    good: only the log has it then. False if that must be tried again later."""
    status = await handover.take_or_queue(message.envelope, message.content, message.identity)
    if status.ok:
        events.emit(Reported(message.about, message.kind, message.to, message.identity))
        return True
    events.emit(Faulted("queue", _refusal(message, status)))
    return status.permanent


def _refusal(message: OwnMessage, status: Status) -> str:
    text = f"{message.about}: the {message.kind} to <{message.to}> was refused: {status}"
    return f"{text} {status.cause}".rstrip()
