"""Takes reports out of the mail stream: mail for an address for reports goes to a Maildir of
its own, as safe as mail that goes to a mailbox. `reader` reads it later."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Container, Sequence

from zope.interface import implementer

from mailhost.interfaces.delivery import ILocalDelivery, LocalRecipient
from mailhost.interfaces.events import Attempted, IEventSink
from mailhost.interfaces.store import IMailbox
from mailhost.message.address import Address
from mailhost.message.content import Content
from mailhost.message.envelope import Envelope
from mailhost.message.outcome import Fate, Outcome, outcome_of
from mailhost.message.status import LOCAL_ERROR, Status
from mailhost.message.trace import delivered_before, delivery_fields

LOOP = Status(554, "5.4.6", "Mail loop: the message was delivered to this address before")


def incoming_folder(data: str) -> str:
    """Return the Maildir for reports that were not read yet, in a data folder."""
    return os.path.join(data, "dmarc", "incoming")


@implementer(ILocalDelivery)
class ReportDelivery:
    """Delivers to `incoming` what is for one of `addresses`, each as its domain and key, and all
    other mail by `delivery`."""

    def __init__(
        self,
        delivery: ILocalDelivery,
        addresses: Container[tuple[str, str]],
        incoming: IMailbox,
        events: IEventSink,
    ) -> None:
        self._delivery = delivery
        self._addresses = addresses
        self._incoming = incoming
        self._events = events

    def deliver(
        self,
        envelope: Envelope,
        content: Content,
        recipients: Sequence[LocalRecipient],
        identity: str,
    ) -> Awaitable[Sequence[Outcome]]:
        if not any(map(self._is_for_reports, recipients)):  # the usual case
            return self._delivery.deliver(envelope, content, recipients, identity)
        return self._deliver(envelope, content, recipients, identity)

    async def _deliver(
        self,
        envelope: Envelope,
        content: Content,
        recipients: Sequence[LocalRecipient],
        identity: str,
    ) -> Sequence[Outcome]:
        people = [each for each in recipients if not self._is_for_reports(each)]
        delivered: list[Outcome] = []
        if people:
            delivered += await self._delivery.deliver(envelope, content, people, identity)
        outcomes = iter(delivered)
        found = []
        for each in recipients:
            if not self._is_for_reports(each):
                found.append(next(outcomes))
                continue
            status = await self._keep(envelope, content, each.path.address)
            found.append(outcome_of(each.path, status, Fate.DELIVERED))
            self._events.emit(Attempted(identity, found[-1]))
        return found

    def _is_for_reports(self, recipient: LocalRecipient) -> bool:
        address = recipient.account.address
        return (address.domain, address.key) in self._addresses

    async def _keep(self, envelope: Envelope, content: Content, address: Address) -> Status:
        top = Content((delivery_fields(envelope.reverse_path, address),))
        try:
            if str(address).lower() in delivered_before(content.header()):
                return LOOP
            return await self._incoming.deliver((top, content))
        except OSError as error:
            return LOCAL_ERROR.because(f"{address}: {error}")
