"""Local delivery: a message into the inboxes of accounts, each recipient for itself.

On top of the message come Return-Path and Delivered-To; its own bytes stay as they are. A message
that already carries Delivered-To for the same address is a mail loop (RFC 9228); for addresses that
are aliases, routing looks at the same field.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import Logger
from zope.interface import implementer

from mailhost.concurrency.pauses import Pause, no_pause
from mailhost.interfaces.accounts import Account
from mailhost.interfaces.directory import DirectoryUnavailable, IDirectory
from mailhost.interfaces.events import Attempted, Faulted, IEventSink
from mailhost.interfaces.queue import ITransport
from mailhost.interfaces.store import IMailStore
from mailhost.message.address import Address
from mailhost.message.beginning import HEADER_TOO_LARGE
from mailhost.message.content import HEADER_LIMIT, Content
from mailhost.message.envelope import Envelope, ForwardPath
from mailhost.message.outcome import Fate, Outcome, outcome_of
from mailhost.message.status import LOCAL_ERROR, Status
from mailhost.message.trace import delivery_fields, passed
from mailhost.routing import NO_DIRECTORY, Router

PART = 25  # deliveries that are started without a pause
LOOP = Status(554, "5.4.6", "Mail loop: the message was delivered to this address before")


@implementer(ITransport)
class LocalDelivery:
    """Delivers to accounts. `pause` is called after each PART of many recipients, so that other
    connections are served."""

    _log = Logger()

    def __init__(
        self,
        directory: IDirectory,
        store: IMailStore,
        router: Router,
        events: IEventSink,
        pause: Pause = no_pause,
    ) -> None:
        self._directory = directory
        self._store = store
        self._events = events
        self._pause = pause
        self._router = router

    async def deliver(
        self,
        envelope: Envelope,
        content: Content,
        recipients: Sequence[ForwardPath],
        identity: str,
        attempts: int = 0,
    ) -> Sequence[Outcome]:
        try:
            header = content.header()
        except OSError as error:
            status = LOCAL_ERROR.because(f"the message cannot be read: {error}")
            return [self._told(identity, path, status) for path in recipients]
        if len(header) >= HEADER_LIMIT:  # a Delivered-To may be hidden behind the limit
            return [self._told(identity, path, HEADER_TOO_LARGE) for path in recipients]
        seen = passed(header)

        async def one(path: ForwardPath) -> Outcome:
            status = await self._one(envelope, content, path, identity, seen)
            return self._told(identity, path, status)

        if len(recipients) == 1:
            return [await one(recipients[0])]
        begun = []
        for path in recipients:
            begun.append(Deferred.fromCoroutine(one(path)))
            if len(begun) % PART == 0:
                await self._pause()
        return await gatherResults(begun)

    def _told(self, identity: str, path: ForwardPath, status: Status) -> Outcome:
        outcome = outcome_of(path, status, Fate.DELIVERED)
        self._events.emit(Attempted(identity, outcome))
        return outcome

    async def _one(
        self,
        envelope: Envelope,
        content: Content,
        path: ForwardPath,
        identity: str,
        seen: Container[str],
    ) -> Status:
        """What becomes of one recipient. Nothing raised here stops the others."""
        try:
            account = await self._account(path.address)
            if account is None:
                return self._router.nobody(path.address)
            if str(path.address).lower() in seen:
                return LOOP
            top = Content((delivery_fields(envelope.reverse_path, path.address),))
            return await self._store.inbox(account.address).deliver((top, content))
        except DirectoryUnavailable as error:
            return NO_DIRECTORY.because(str(error))
        except OSError as error:
            return LOCAL_ERROR.because(f"{path.address}: {error}")
        except Exception as bug:  # noqa: BLE001 - told; the recipient waits
            self._log.failure("A bug in the delivery of {identity}", identity=identity)
            where = f"delivery of {identity} to {path.address}"
            self._events.emit(Faulted(where, f"{type(bug).__name__}: {bug}"))
            return LOCAL_ERROR.because(f"{type(bug).__name__}: {bug}")

    async def _account(self, address: Address) -> Account | None:
        """The account, if need be as the directory has it now."""
        account = self._router.account_of(self._directory.view, address)
        return account or self._router.account_of(await self._directory.refresh(), address)
