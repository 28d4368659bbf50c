"""The IReception of the proxy: every question is passed to the server behind the proxy.

Each connection of a client has its own. The connection to the server is opened at the client's
EHLO, and opened again if it was lost between messages.
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
from mailhost.proxy.auth import ProxiedLogin
from mailhost.proxy.context import ProxyContext
from mailhost.proxy.transaction import ProxiedTransaction
from mailhost.proxy.upstream import CONNECTION_LOST, Upstream
from mailhost.smtp.client.connect import Unreachable
from mailhost.smtp.client.protocol import ConnectionBroken

CLEARTEXT_MECHANISMS = ("PLAIN", "LOGIN")


@implementer(IReception, ILogins)
class ProxyReception:
    """The reception of one client, with its connection to the server."""

    def __init__(self, context: ProxyContext) -> None:
        self._context = context
        self._upstream: Upstream | None = None
        self._client_gone = False

    def connected(self, client: Client) -> Answer[Status | None]:
        return None

    async def hello(self, client: Client) -> Extensions | Status | None:
        answer = await self._greet_again(client) or await self._connected(client)
        if isinstance(answer, Status):
            return answer
        return answer.extensions(self._context.message_size, self._context.recipients)

    async def _greet_again(self, client: Client) -> Upstream | Status | None:
        """Handle a second EHLO. Return the same connection, or a refusal, or None if a new
        connection may be needed.

        The connection is not used again if a user is logged in there, but no longer here (after
        STARTTLS).
        """
        if client.account is not None:
            return None  # `_connected` returns the same connection, or a refusal
        upstream, self._upstream = self._upstream, None
        if upstream is None or not upstream.alive:
            return None
        try:
            unfit = upstream.logged_in or await upstream.introduce(client) is not None
        except ConnectionBroken:
            return None
        if unfit or self._client_gone:
            upstream.leave()
            return CONNECTION_LOST if self._client_gone else None
        self._upstream = upstream
        return upstream

    async def _connected(self, client: Client) -> Upstream | Status:
        """Return the connection, a new one if it was lost, or a refusal."""
        upstream = self._upstream
        if upstream is not None and upstream.alive:
            return upstream
        if client.account is not None:
            return CONNECTION_LOST  # the client must log in again
        return await self._open(client, self._context.upstreams.open)

    async def _open(
        self, client: Client, open: Callable[[Client], Awaitable[Upstream]]
    ) -> Upstream | Status:
        try:
            upstream = await open(client)
        except Unreachable as unreachable:
            return unreachable.status
        if self._client_gone:
            upstream.leave()
            return CONNECTION_LOST
        self._upstream = upstream
        return upstream

    async def transaction(self, client: Client, envelope: Envelope) -> ITransaction | Status:
        upstream = await self._connected(client)
        if isinstance(upstream, Status):
            return upstream
        status = await upstream.mail(client, envelope)
        if not upstream.alive and upstream.messages and client.account is None:
            # The server closed the idle connection, which is no reply to MAIL.
            upstream = await self._open(client, self._context.upstreams.open_new)
            if isinstance(upstream, Status):
                return upstream
            status = await upstream.mail(client, envelope)
        if not status.ok:
            return status
        return ProxiedTransaction(self._context, upstream, client, envelope, status)

    def disconnected(self) -> None:
        self._client_gone = True
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
        return [name for name in offered if name not in CLEARTEXT_MECHANISMS]

    def begin(self, name: str, client: Client) -> ISASLMechanism | None:
        if self._upstream is None or name.upper() not in self.mechanisms(client):
            return None
        context = self._context
        return ProxiedLogin(name.upper(), client, self._upstream, context.guard, context.events)
