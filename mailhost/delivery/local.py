"""Local delivery: a message into the inboxes of accounts, each recipient for itself.

On top of the message come Return-Path and Delivered-To; its own bytes stay as they are. A message
that carries our Delivered-To for the same address already is going round in circles.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred, gatherResults
from zope.interface import implementer

from mailhost.events import Attempted
from mailhost.interfaces import IDirectory, IEventSink, IMailStore, ITransport
from mailhost.message.accounts import Account
from mailhost.message.content import Content
from mailhost.message.envelope import Envelope, ForwardPath
from mailhost.message.header import values
from mailhost.message.outcome import Fate, Outcome, outcome_of
from mailhost.message.status import LOCAL_ERROR, Status
from mailhost.message.trace import delivery_fields
from mailhost.routing import NO_SUCH_USER, Router

LOOP = Status(554, "5.4.6", "Mail loop: the message was delivered to this address before")


@implementer(ITransport)
class LocalDelivery:
    """Delivers to accounts. `router` may be replaced at any time."""

    def __init__(
        self, directory: IDirectory, store: IMailStore, router: Router, events: IEventSink
    ) -> None:
        self._directory = directory
        self._store = store
        self._events = events
        self.router = router

    async def deliver(
        self,
        envelope: Envelope,
        content: Content,
        recipients: Sequence[ForwardPath],
        identity: str,
        attempts: int = 0,
    ) -> Sequence[Outcome]:
        seen = {value.lower() for value in values(content.header(), "Delivered-To")}
        if len(recipients) == 1:
            return [await self._one(envelope, content, recipients[0], identity, seen)]
        return await gatherResults(
            [
                Deferred.fromCoroutine(self._one(envelope, content, path, identity, seen))
                for path in recipients
            ]
        )

    async def _one(
        self,
        envelope: Envelope,
        content: Content,
        path: ForwardPath,
        identity: str,
        seen: set[str],
    ) -> Outcome:
        account = self.router.account_of(self._directory.view, path.address)
        if account is None:
            status = NO_SUCH_USER
        elif str(path.address).lower() in seen:
            status = LOOP
        else:
            status = await self._store_in(account, envelope, content, path)
        outcome = outcome_of(path, status, Fate.DELIVERED)
        self._events.tell(Attempted(identity, outcome))
        return outcome

    async def _store_in(
        self, account: Account, envelope: Envelope, content: Content, path: ForwardPath
    ) -> Status:
        top = Content((delivery_fields(envelope.reverse_path, path.address),))
        try:
            return await self._store.inbox(account.address).deliver((top, content), account.quota)
        except OSError as error:
            return LOCAL_ERROR.because(f"{account.address}: {error}")
