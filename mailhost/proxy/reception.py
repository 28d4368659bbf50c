"""The proxy's IReception: every question goes on to the server behind it.

One is made for each connection. The server is asked for nothing before the client has said hello;
a connection to it that was lost between messages is made anew.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from zope.interface import implementer

from mailhost.interfaces.answer import Answer
from mailhost.interfaces.extensions import Extensions
from mailhost.interfaces.logins import ILogins, ISASLMechanism
from mailhost.interfaces.reception import IReception, ITransaction
from mailhost.message.client import Client
from mailhost.message.envelope import Envelope
from mailhost.message.status import Status
from mailhost.proxy.auth import PassedOn
from mailhost.proxy.context import ProxyContext
from mailhost.proxy.transaction import ProxiedTransaction
from mailhost.proxy.upstream import GONE, Upstream
from mailhost.smtp.client.connect import Unreachable
from mailhost.smtp.client.protocol import ConnectionBroken

PLAIN_TEXT = ("PLAIN", "LOGIN")


@implementer(IReception, ILogins)
class ProxyReception:
    """One client's way to the server."""

    def __init__(self, context: ProxyContext) -> None:
        self._context = context
        self._upstream: Upstream | None = None
        self._gone = False

    def connected(self, client: Client) -> Answer[Status | None]:
        return None

    async def hello(self, client: Client) -> Extensions | Status | None:
        found = await self._greet_again(client) or await self._reach(client)
        if isinstance(found, Status):
            return found
        return found.extensions(self._context.message_size, self._context.recipients)

    async def _greet_again(self, client: Client) -> Upstream | Status | None:
        """A second hello: the same connection will do, unless somebody is logged in there who is
        not any more here (after STARTTLS)."""
        if client.account is not None:
            return None  # the same connection, or none
        upstream, self._upstream = self._upstream, None
        if upstream is None or not upstream.alive:
            return None
        try:
            unfit = upstream.logged_in or await upstream.introduce(client) is not None
        except ConnectionBroken:
            return None
        if unfit or self._gone:
            upstream.leave()
            return GONE if self._gone else None
        self._upstream = upstream
        return upstream

    async def _reach(self, client: Client) -> Upstream | Status:
        """Return the connection, made anew where it is gone."""
        upstream = self._upstream
        if upstream is not None and upstream.alive:
            return upstream
        if client.account is not None:
            return GONE  # who logged in there must do it again
        return await self._open(client, self._context.upstreams.open)

    async def _open(
        self, client: Client, open: Callable[[Client], Awaitable[Upstream]]
    ) -> Upstream | Status:
        try:
            upstream = await open(client)
        except Unreachable as unreachable:
            return unreachable.status
        if self._gone:
            upstream.leave()
            return GONE
        self._upstream = upstream
        return upstream

    async def transaction(self, client: Client, envelope: Envelope) -> ITransaction | Status:
        upstream = await self._reach(client)
        if isinstance(upstream, Status):
            return upstream
        status = await upstream.mail(client, envelope)
        if not upstream.alive and upstream.messages and client.account is None:
            # it was closed while it waited, as nobody had used it for long: that is no answer
            upstream = await self._open(client, self._context.upstreams.open_new)
            if isinstance(upstream, Status):
                return upstream
            status = await upstream.mail(client, envelope)
        if not status.ok:
            return status
        return ProxiedTransaction(self._context, upstream, client, envelope, status)

    def disconnected(self) -> None:
        self._gone = True
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            self._context.upstreams.give_back(upstream)

    # --- ILogins ---------------------------------------------------------------------------------

    def mechanisms(self, client: Client) -> Sequence[str]:
        upstream = self._upstream
        if upstream is None or client.account is not None:
            return ()
        offered = upstream.mechanisms
        if client.tls or (client.local_machine and self._context.plaintext_on_loopback):
            return offered
        return [name for name in offered if name not in PLAIN_TEXT]

    def begin(self, name: str, client: Client) -> ISASLMechanism | None:
        if self._upstream is None or name.upper() not in self.mechanisms(client):
            return None
        context = self._context
        return PassedOn(name.upper(), client, self._upstream, context.guard, context.events)
