"""Connections to the servers behind the proxy: the order of the servers, TLS, retries, and reuse.

A server that cannot be reached is not tried again for as long as that attempt took, at least for
one second: clients are answered at once meanwhile, and there is no storm of retries. After that
pause, the connection of one client is the trial for all. A connection over which nothing was
refused serves another client when the first one has left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import clientFromString, wrapClientTLS
from twisted.internet.interfaces import IDelayedCall, IOpenSSLClientConnectionCreator

from mailhost.config.model import Identity, RouteTLS
from mailhost.interfaces.reactor import IReactor
from mailhost.message.client import Client
from mailhost.message.status import Status
from mailhost.net.connect import ConnectFailed, connect
from mailhost.net.tls.client import client_tls
from mailhost.proxy.identity import proxy_header
from mailhost.proxy.upstream import Upstream
from mailhost.smtp.client.connect import HandshakeFailed, Unreachable, open_over_tls, start_tls
from mailhost.smtp.client.dialogue import Dialogue
from mailhost.smtp.client.protocol import ConnectionBroken, SMTPClient
from mailhost.smtp.client.timeouts import Timeouts

SHORTEST_PAUSE = 1.0  # seconds without an attempt to reach a server that failed
LONGEST_PAUSE = 30.0
IDLE_TIMEOUT = 5.0  # seconds that a connection waits for another client
MOST_IDLE_CONNECTIONS = 50
MESSAGES_PER_CONNECTION = 100
TIMEOUTS = Timeouts(greeting=60.0, command=120.0)
UNREACHABLE = Status(
    421, "4.4.1", "The mail server behind this one cannot be reached; please try again later"
)


class NotThisClient(Unreachable):
    """The server is reachable, and refuses this client."""


@dataclass(frozen=True, slots=True)
class UpstreamServer:
    """One server. `endpoint` is a client endpoint string of Twisted, and `name` the name that the
    server's certificate must have. With `tls_first`, the TLS handshake precedes the greeting."""

    endpoint: str
    name: str
    tls_first: bool = False


@dataclass(slots=True)
class _ServerState:
    """`paused_until` is the time before which the server is not tried, `last_refusal` is the reply
    to clients until then."""

    server: UpstreamServer
    paused_until: float = 0.0
    last_refusal: Status = UNREACHABLE


class Upstreams:
    """Opens connections for the clients of one listener."""

    def __init__(
        self,
        reactor: IReactor,
        servers: Sequence[UpstreamServer],
        hostname: str,
        tls: RouteTLS,
        identity: Identity,
        connect_timeout: float = 10.0,
    ) -> None:
        self._reactor = reactor
        self._states = [_ServerState(server) for server in servers]
        self._hostname = hostname
        self._tls = tls
        self._identity = identity
        self._connect_timeout = connect_timeout
        self._idle: list[tuple[Upstream, IDelayedCall]] = []

    async def open(self, client: Client) -> Upstream:
        """Return a connection to which the client was introduced. Raises Unreachable."""
        while (upstream := self._take_idle()) is not None:
            if upstream.alive and await self._introduce(upstream, client):
                return upstream
        return await self.open_new(client)

    def _take_idle(self) -> Upstream | None:
        """Take an idle connection to the first server that is not paused, None if there is none."""
        now = self._reactor.seconds()
        ready = [state.server.endpoint for state in self._states if now >= state.paused_until]
        for number in reversed(range(len(self._idle))):
            upstream, timer = self._idle[number]
            if upstream.server == (ready or [upstream.server])[0]:
                del self._idle[number]
                timer.cancel()
                return upstream
        return None

    async def _introduce(self, upstream: Upstream, client: Client) -> bool:
        try:
            refusal = await upstream.introduce(client)
        except ConnectionBroken:
            return False
        if refusal is not None:
            upstream.leave()
        return refusal is None

    def give_back(self, upstream: Upstream) -> None:
        """Take back the connection of a client that has left, for the next client. It is closed
        after IDLE_TIMEOUT, or at once if it cannot serve another client."""
        below_limit = len(self._idle) < MOST_IDLE_CONNECTIONS
        if below_limit and upstream.messages < MESSAGES_PER_CONNECTION and upstream.reusable:
            timer = self._reactor.callLater(IDLE_TIMEOUT, self._discard, upstream)
            self._idle.append((upstream, timer))
        else:
            upstream.leave()

    def _discard(self, upstream: Upstream) -> None:
        self._idle = [each for each in self._idle if each[0] is not upstream]
        upstream.leave()

    async def open_new(self, client: Client) -> Upstream:
        """Return a new connection to which the client was introduced. Raises Unreachable."""
        last_refusal = UNREACHABLE
        for state in self._states:
            now = self._reactor.seconds()
            if now < state.paused_until:
                last_refusal = state.last_refusal
                continue
            if state.paused_until:  # the server failed before: other clients wait for this attempt
                state.paused_until = now + LONGEST_PAUSE
            try:
                upstream = await self._open(state.server, client)
            except NotThisClient as refused:
                last_refusal, state.paused_until = refused.status, 0.0
            except Unreachable as unreachable:
                last_refusal = state.last_refusal = unreachable.status
                duration = self._reactor.seconds() - now
                state.paused_until = self._reactor.seconds() + max(
                    SHORTEST_PAUSE, min(duration, LONGEST_PAUSE)
                )
            else:
                state.paused_until = 0.0
                return upstream
        raise Unreachable(last_refusal)

    async def _open(self, server: UpstreamServer, client: Client) -> Upstream:
        try:
            return await open_over_tls(
                lambda with_tls: self._open_connection(server, client, with_tls),
                wanted=self._tls is not RouteTLS.NEVER,
                required=self._tls is RouteTLS.REQUIRE,
            )
        except HandshakeFailed as failed:
            raise _unreachable(server, f"TLS is required, and failed: {failed}") from failed

    async def _open_connection(
        self, server: UpstreamServer, client: Client, with_tls: bool
    ) -> Upstream:
        connection = await self._connect(server, client)
        dialogue = Dialogue(connection, self._hostname, TIMEOUTS)
        verified = self._tls is RouteTLS.REQUIRE
        upstream = Upstream(dialogue, server.endpoint, self._identity, verified)
        # A refusal after the PROXY line, or after XCLIENT, may be meant for the client.
        is_about_client = self._identity is Identity.HAPROXY
        try:
            refusal = await dialogue.greet()
            if refusal is None and with_tls and not connection.secure:
                required = self._tls is RouteTLS.REQUIRE
                refusal = await start_tls(
                    connection, dialogue, lambda: self._options(server), required
                )
            if refusal is None:
                is_about_client = True
                refusal = await upstream.introduce(client)
        except ConnectionBroken as broken:
            if broken.status is None:
                raise _unreachable(server, str(broken)) from broken
            refusal = broken.status
        except BaseException:
            dialogue.abort()
            raise
        if refusal is None:
            return upstream
        Deferred.fromCoroutine(dialogue.quit())
        raise (NotThisClient if is_about_client else Unreachable)(_refused(server, refusal))

    def _options(self, server: UpstreamServer) -> IOpenSSLClientConnectionCreator:
        return client_tls(server.name, self._tls is RouteTLS.REQUIRE)

    async def _connect(self, server: UpstreamServer, client: Client) -> SMTPClient:
        header = proxy_header(client) if self._identity is Identity.HAPROXY else b""
        connection = SMTPClient(self._reactor, header)
        endpoint = clientFromString(self._reactor, server.endpoint)
        if server.tls_first:
            endpoint = wrapClientTLS(self._options(server), endpoint)
            connection.secure = True
        try:
            await connect(endpoint, connection, self._reactor, self._connect_timeout)
        except ConnectFailed as failed:
            raise _unreachable(server, str(failed)) from failed
        return connection


def _unreachable(server: UpstreamServer, cause: str) -> Unreachable:
    return Unreachable(UNREACHABLE.because(f"{server.endpoint}: {cause}"))


def _refused(server: UpstreamServer, refusal: Status) -> Status:
    """Return a 421 for a refusal of the proxy itself, or of the client's introduction. A permanent
    refusal would bounce mail only because the proxy may not use XCLIENT, for example."""
    return Status(421, "4.4.1", UNREACHABLE.text, f"{server.endpoint}: {refusal}")
