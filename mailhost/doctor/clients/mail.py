"""Mails the administrator that an address is lost."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from mailhost.doctor.clients.lost_address import Consequence, LostAddress, mail_text
from mailhost.interfaces.events import IEventSink
from mailhost.interfaces.outgoing import IOutgoing, OwnMessage
from mailhost.interfaces.reception import IHandover
from mailhost.message.address import Address
from mailhost.message.content import Content
from mailhost.message.ids import new_id
from mailhost.own_messages import complete, hand_over, own_message

KIND = "report of the doctor"
WIDTH = 72  # columns


@dataclass(frozen=True, slots=True)
class AdminMail:
    """The services by which mail to the administrator is sent, for one generation of the settings.
    If `admin` is None, no mail is sent."""

    admin: Address | None
    hostname: str
    outgoing: IOutgoing
    handover: IHandover


async def mail_admin(
    lost: LostAddress, consequence: Consequence, services: AdminMail, events: IEventSink
) -> bool:
    """Mail the administrator, if there is one.

    Return True if the message is in the queue, or if no message is needed. Raises OSError.
    """
    if services.admin is None:
        return True
    composed = compose(lost, consequence, services.admin, services.hostname)
    author = Address("postmaster", services.hostname)
    message = await complete(composed, author, services.outgoing, events)
    return message is None or await hand_over(message, services.handover, events)


def compose(lost: LostAddress, consequence: Consequence, to: Address, hostname: str) -> OwnMessage:
    """Return the message."""
    paragraphs = mail_text(lost, consequence, hostname).split("\n\n")
    text = "\n\n".join(textwrap.fill(each, WIDTH, break_on_hyphens=False) for each in paragraphs)
    header = (
        f"From: mailhost <postmaster@{hostname}>",
        f"To: <{to}>",
        f"Subject: {hostname}: strangers connect from {lost.address}",
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=us-ascii",
        "",
        "",
    )
    whole = "\r\n".join(header) + text.replace("\n", "\r\n") + "\r\n"
    content = Content((whole.encode(errors="replace"),))
    return own_message(to, content, new_id(), KIND, lost.address, not str(to).isascii())
