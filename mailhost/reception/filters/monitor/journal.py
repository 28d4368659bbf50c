"""Keeps a copy of each message with its envelope, before the client gets the reply.

The journal also has a message that a later filter, or the server behind, refuses, and has it again
when the client tries again. So each accepted message has a copy.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from zope.interface import implementer

from mailhost.interfaces.filters import FilterFailed, IFilter
from mailhost.interfaces.reception import IHandover
from mailhost.interfaces.store import IMailbox
from mailhost.interfaces.verdict import Decision, Mail, Stage, Verdict
from mailhost.message.address import Address
from mailhost.message.content import Content
from mailhost.message.envelope import Envelope, ForwardPath, Notify
from mailhost.message.status import Status

Keep = Callable[[Mail, Content], Awaitable[Status]]


@implementer(IFilter)
class JournalFilter:
    """Keeps copies by `keep`, which takes a mail and its copy. `where` is their destination in the
    log. With `observe` no copy is kept."""

    stages = (Stage.MESSAGE,)

    def __init__(self, keep: Keep, where: str, observe: bool) -> None:
        self._keep = keep
        self._where = where
        self._observe = observe

    async def look(self, mail: Mail) -> Verdict:
        if not self._observe:
            top = envelope_fields(mail.envelope) + mail.received
            status = await self._keep(mail, mail.content.after(top))
            if not status.ok:
                raise FilterFailed(f"no copy to {self._where}: {status} {status.cause}".strip())
        return Verdict(Decision.COPY, f"to {self._where}")


def to_address(handover: IHandover, to: Address) -> Keep:
    """Return the function that sends copies to an address of this host or of another host.

    The copies have the null reverse-path, so that no report is sent when one cannot be delivered;
    that is only logged.
    """

    def keep(mail: Mail, copy: Content) -> Awaitable[Status]:
        envelope = Envelope(
            None,
            (ForwardPath(to, Notify.NEVER),),
            mail.envelope.body,
            mail.envelope.smtputf8 or not to.ascii,
            tls=mail.envelope.tls,
        )
        return handover.take_or_queue(envelope, copy, f"{mail.identity}-journal")

    return keep


def to_maildir(mailbox: IMailbox) -> Keep:
    """Return the function that delivers copies to a Maildir."""

    def keep(mail: Mail, copy: Content) -> Awaitable[Status]:
        return mailbox.deliver((copy,))

    return keep


def envelope_fields(envelope: Envelope) -> bytes:
    """Return the fields for the top of a copy, with the sender and recipients of the envelope."""
    recipients: Sequence[Address] = [path.address for path in envelope.recipients]
    fields = [f"X-Envelope-From: <{envelope.reverse_path or ''}>"]
    fields += [f"X-Envelope-To: <{address}>" for address in recipients]
    return "".join(f"{field}\r\n" for field in fields).encode()
