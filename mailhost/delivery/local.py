"""Local delivery: a message into the mailboxes of accounts, each recipient for itself.

It goes to INBOX, or to the account's folder for junk where a filter has marked it (`junk`).

On top of the message come Return-Path and Delivered-To; its own bytes stay as they are. A message
that already carries Delivered-To for the same address is a mail loop (RFC 9228); for addresses that
are aliases, routing reads the same field.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import Logger
from zope.interface import implementer

from mailhost.concurrency.pauses import Pause, no_pause
from mailhost.delivery.junk import USUAL_NAME, JunkFolders
from mailhost.interfaces.delivery import ILocalDelivery, LocalRecipient
from mailhost.interfaces.events import Attempted, Faulted, IEventSink
from mailhost.interfaces.store import IMailbox, IMailStore
from mailhost.message.address import Address
from mailhost.message.beginning import HEADER_TOO_LARGE
from mailhost.message.content import HEADER_LIMIT, Content
from mailhost.message.envelope import Envelope
from mailhost.message.outcome import Fate, Outcome, outcome_of
from mailhost.message.status import LOCAL_ERROR, Status
from mailhost.message.trace import delivered_before, delivery_fields

PART = 25  # deliveries that are started without a pause
LOOP = Status(554, "5.4.6", "Mail loop: the message was delivered to this address before")


@implementer(ILocalDelivery)
class LocalDelivery:
    """Delivers to accounts. `pause` is called after each PART of many recipients, so that other
    connections are served. Without `junk` all messages go to INBOX."""

    _log = Logger()

    def __init__(
        self,
        store: IMailStore,
        events: IEventSink,
        pause: Pause = no_pause,
        junk: JunkFolders | None = None,
    ) -> None:
        self._store = store
        self._events = events
        self._pause = pause
        self._junk = junk

    async def deliver(
        self,
        envelope: Envelope,
        content: Content,
        recipients: Sequence[LocalRecipient],
        identity: str,
    ) -> Sequence[Outcome]:
        try:
            header = content.header()
        except OSError as error:
            status = LOCAL_ERROR.because(f"the message cannot be read: {error}")
            return [self._outcome(identity, each, status) for each in recipients]
        if len(header) >= HEADER_LIMIT:  # a Delivered-To may be hidden behind the limit
            return [self._outcome(identity, each, HEADER_TOO_LARGE) for each in recipients]
        seen = delivered_before(header)
        junk = self._junk if self._junk is not None and self._junk.takes(header) else None

        async def deliver_to(recipient: LocalRecipient) -> Outcome:
            status = await self._deliver_to(envelope, content, recipient, identity, seen, junk)
            return self._outcome(identity, recipient, status)

        if len(recipients) == 1:
            return [await deliver_to(recipients[0])]
        begun = []
        for recipient in recipients:
            begun.append(Deferred.fromCoroutine(deliver_to(recipient)))
            if len(begun) % PART == 0:
                await self._pause()
        return await gatherResults(begun)

    def _outcome(self, identity: str, recipient: LocalRecipient, status: Status) -> Outcome:
        outcome = outcome_of(recipient.path, status, Fate.DELIVERED)
        self._events.emit(Attempted(identity, outcome, recipient.through))
        return outcome

    async def _deliver_to(
        self,
        envelope: Envelope,
        content: Content,
        recipient: LocalRecipient,
        identity: str,
        seen: Container[str],
        junk: JunkFolders | None,
    ) -> Status:
        """Deliver to one recipient. Does not raise, so that the others get the message."""
        address, account = recipient.path.address, recipient.account
        if str(address).lower() in seen:
            return LOOP
        try:
            top = Content((delivery_fields(envelope.reverse_path, address),))
            if junk is None:
                return await self._store.inbox(account.address).deliver((top, content))
            mailbox = self._folder(account.address, await junk.name(account.address))
            return await mailbox.deliver((top, content))
        except OSError as error:
            return LOCAL_ERROR.because(f"{address}: {error}")
        except Exception as bug:  # noqa: BLE001 - logged; the recipient waits
            self._log.failure("A bug in the delivery of {identity}", identity=identity)
            where = f"delivery of {identity} to {address}"
            self._events.emit(Faulted(where, f"{type(bug).__name__}: {bug}"))
            return LOCAL_ERROR.because(f"{type(bug).__name__}: {bug}")

    def _folder(self, account: Address, name: str) -> IMailbox:
        """Return a folder of an account; the usual one for junk where another program gave it a
        name that no folder of ours can have."""
        try:
            return self._store.mailbox(account, name)
        except ValueError:
            return self._store.mailbox(account, USUAL_NAME)
