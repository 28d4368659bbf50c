"""A copy of each message, with its envelope, kept before the client has its answer.

Messages that a filter or a server after this one refuses are in the journal all the same, and again
when the client comes back: better that than a message without a copy.
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
class Journaled:
    """`keep` takes a mail and its copy; `where` describes that in the log. `observe`: nothing is
    kept."""

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
    """Have copies go to an address, here or elsewhere. They come from `<>`: nobody is to hear that
    one could not be delivered but our log."""

    def keep(mail: Mail, copy: Content) -> Awaitable[Status]:
        envelope = Envelope(
            None,
            (ForwardPath(to, Notify.NEVER),),
            mail.envelope.body,
            mail.envelope.smtputf8 or not to.ascii,
        )
        return handover.take_or_queue(envelope, copy, f"{mail.identity}-journal")

    return keep


def to_maildir(mailbox: IMailbox) -> Keep:
    """Have copies go into a Maildir."""

    def keep(mail: Mail, copy: Content) -> Awaitable[Status]:
        return mailbox.deliver((copy,))

    return keep


def envelope_fields(envelope: Envelope) -> bytes:
    """Return fields for the top of a copy that say what was in the envelope."""
    recipients: Sequence[Address] = [path.address for path in envelope.recipients]
    fields = [f"X-Envelope-From: <{envelope.reverse_path or ''}>"]
    fields += [f"X-Envelope-To: <{address}>" for address in recipients]
    return "".join(f"{field}\r\n" for field in fields).encode()
