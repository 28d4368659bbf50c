"""The commands by which the doctor sends a test message, follows it, and finds it in a mailbox."""

from __future__ import annotations

from typing import Any

from mailhost.application.head import Head
from mailhost.concurrency.answers import result_of
from mailhost.concurrency.pauses import pauses_of
from mailhost.delivery.junk import USUAL_NAME
from mailhost.interfaces.outgoing import OutgoingMessage
from mailhost.interfaces.store import IMailbox, StoredMessage
from mailhost.message.address import Address, BadAddress, parse_address
from mailhost.message.content import Content
from mailhost.message.envelope import Envelope, ForwardPath
from mailhost.message.header import first_value
from mailhost.message.ids import new_id
from mailhost.message.status import Status
from mailhost.net.control.server import CommandRefused, Commands
from mailhost.observe.attempts import RecentAttempt
from mailhost.queue.control import QueueControl
from mailhost.store.maildir.folder_names import INBOX

MOST_EXAMINED = 100  # messages of a folder, from the newest on


def round_trip_commands(head: Head) -> Commands:
    """Return the commands by name."""
    queue = QueueControl(head.queue, pauses_of(head.foundation.reactor), head.events)

    def account(address: str) -> dict[str, Any]:
        """Say whether an address is in a domain of this host, and which account it is."""
        view, parsed = head.foundation.directory.view, _address(address)
        found = head.services.router.account_of(view, parsed)
        here = view.domain(parsed.domain) is not None
        return {"here": here, "account": str(found.address) if found else ""}

    async def send(recipient: str, header: str, text: str) -> dict[str, str]:
        """Send a message in the name of the administrator, or else of postmaster, as submitted mail
        leaves. `header` lacks From, Date and Message-ID."""
        return await _send(head, _address(recipient), header, text)

    async def attempts(identity: str) -> dict[str, Any]:
        """Return the attempts for a message so far, and its entries in the queue."""
        made = [_shown(each) for each in head.attempts.of(identity)]
        ids = head.queue.ids_of(identity)
        return {"attempts": made, "entries": list(await queue.list(ids=ids)) if ids else []}

    async def find(account: str, message_id: str, remove: bool = False) -> str:
        """Return the folder of an account in which the newest messages have this Message-ID, empty
        for none. With `remove` the message is removed."""
        return await _find(head, _address(account), message_id, remove)

    return {
        "doctor.account": account,
        "doctor.send": send,
        "doctor.attempts": attempts,
        "doctor.find": find,
    }


def _address(text: str) -> Address:
    try:
        return parse_address(text)
    except BadAddress as error:
        raise CommandRefused(str(error)) from error


async def _send(head: Head, recipient: Address, header: str, text: str) -> dict[str, str]:
    services, identity = head.services, new_id()
    settings = services.settings
    author = settings.admin or Address("postmaster", settings.hostname)
    content = Content((f"{header}\r\n\r\n{text}".encode(),))
    utf8 = not (str(recipient).isascii() and str(author).isascii())
    envelope = Envelope(author, (ForwardPath(recipient),), smtputf8=utf8, size=content.size)
    message = OutgoingMessage(envelope, content, author, identity)
    leaving: Content | Status = await result_of(services.outgoing.leave(message))
    status = (
        leaving
        if isinstance(leaving, Status)
        else await services.handover.take_or_queue(envelope, leaving, identity)
    )
    return {"identity": identity, "reply": str(status), "from": str(author)}


async def _find(head: Head, account: Address, message_id: str, remove: bool) -> str:
    for name in (INBOX, USUAL_NAME):
        folder = head.services.store.mailbox(account, name)
        found = await _message_in(head, folder, message_id)
        if found is not None:
            if remove:
                await folder.remove([found])
            return name
    return ""


async def _message_in(head: Head, folder: IMailbox, message_id: str) -> StoredMessage | None:
    try:
        for message in [*await folder.messages()][-MOST_EXAMINED:][::-1]:
            content = await folder.open(message)
            header = await head.foundation.in_thread(content.header)
            if first_value(header, "Message-ID") == message_id:
                return message
    except OSError:
        return None
    return None


def _shown(attempt: RecentAttempt) -> dict[str, Any]:
    outcome = attempt.attempted.outcome
    return {
        "at": attempt.at,
        "fate": str(outcome.fate),
        "recipient": str(outcome.recipient.address),
        "by": outcome.by,
        "reply": str(outcome.status),
        "cause": outcome.status.cause,
    }
