"""The way to the server behind the proxy: its endpoints in order, TLS, and who is asked again when.

One that cannot be reached is left alone for as long as it took to find that out, a second at
least: clients are answered at once meanwhile, and there is no storm of retries. After that one
client's connection is the trial for all. A connection over which nobody was refused anything serves
another client when its own is gone.
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

LEAST_REST = 1.0  # seconds
LONGEST_REST = 30.0
IDLE = 5.0  # seconds that a connection waits for another client
MOST_IDLE = 50
MOST_MESSAGES = 100  # over one connection
TIMEOUTS = Timeouts(greeting=60.0, command=120.0)
UNREACHABLE = Status(
    421, "4.4.1", "The mail server behind this one cannot be reached; please try again later"
)


class NotThisClient(Unreachable):
    """The server is there, and will not have the client that it heard of."""


@dataclass(frozen=True, slots=True)
class Server:
    """One endpoint, as Twisted describes it for clients. `name` is what its certificate must be
    for; `tls_first` has the handshake before the first word."""

    endpoint: str
    name: str
    tls_first: bool = False


@dataclass(slots=True)
class _Way:
    server: Server
    rests_until: float = 0.0
    trouble: Status = UNREACHABLE


class Upstreams:
    """Opens connections for the clients of one listener."""

    def __init__(
        self,
        reactor: IReactor,
        servers: Sequence[Server],
        hostname: str,
        tls: RouteTLS,
        identity: Identity,
        connect_timeout: float = 10.0,
    ) -> None:
        self._reactor = reactor
        self._ways = [_Way(server) for server in servers]
        self._hostname = hostname
        self._tls = tls
        self._identity = identity
        self._connect_timeout = connect_timeout
        self._idle: list[tuple[Upstream, IDelayedCall]] = []

    async def open(self, client: Client) -> Upstream:
        """Return a connection that was told who the client is. Raises Unreachable."""
        while (upstream := self._waiting()) is not None:
            if upstream.alive and await self._introduced(upstream, client):
                return upstream
        return await self.open_new(client)

    def _waiting(self) -> Upstream | None:
        """Take a connection that waits, to the first server that is not resting."""
        now = self._reactor.seconds()
        ready = [way.server.endpoint for way in self._ways if now >= way.rests_until]
        for number in reversed(range(len(self._idle))):
            upstream, timer = self._idle[number]
            if upstream.server == (ready or [upstream.server])[0]:
                del self._idle[number]
                timer.cancel()
                return upstream
        return None

    async def _introduced(self, upstream: Upstream, client: Client) -> bool:
        try:
            refusal = await upstream.introduce(client)
        except ConnectionBroken:
            return False
        if refusal is not None:
            upstream.leave()
        return refusal is None

    def give_back(self, upstream: Upstream) -> None:
        """A client needs its connection no more; the next one may have it for some seconds."""
        few = len(self._idle) < MOST_IDLE and upstream.messages < MOST_MESSAGES
        if few and upstream.reusable:
            timer = self._reactor.callLater(IDLE, self._forget, upstream)
            self._idle.append((upstream, timer))
        else:
            upstream.leave()

    def _forget(self, upstream: Upstream) -> None:
        self._idle = [each for each in self._idle if each[0] is not upstream]
        upstream.leave()

    async def open_new(self, client: Client) -> Upstream:
        """As `open`, but never a connection that served another client."""
        trouble = UNREACHABLE
        for way in self._ways:
            now = self._reactor.seconds()
            if now < way.rests_until:
                trouble = way.trouble
                continue
            if way.rests_until:  # it failed before: others wait for what this one finds
                way.rests_until = now + LONGEST_REST
            try:
                upstream = await self._open(way.server, client)
            except NotThisClient as refused:
                trouble, way.rests_until = refused.status, 0.0
            except Unreachable as unreachable:
                trouble = way.trouble = unreachable.status
                took = self._reactor.seconds() - now
                way.rests_until = self._reactor.seconds() + max(LEAST_REST, min(took, LONGEST_REST))
            else:
                way.rests_until = 0.0
                return upstream
        raise Unreachable(trouble)

    async def _open(self, server: Server, client: Client) -> Upstream:
        try:
            return await open_over_tls(
                lambda with_tls: self._talk(server, client, with_tls),
                wanted=self._tls is not RouteTLS.NEVER,
                required=self._tls is RouteTLS.REQUIRE,
            )
        except HandshakeFailed as failed:
            raise _unreachable(server, f"TLS is required, and failed: {failed}") from failed

    async def _talk(self, server: Server, client: Client, with_tls: bool) -> Upstream:
        connection = await self._connect(server, client)
        dialogue = Dialogue(connection, self._hostname, TIMEOUTS)
        upstream = Upstream(dialogue, server.endpoint, self._identity)
        of_client = self._identity is Identity.HAPROXY  # it may mean the client by what it says
        try:
            refusal = await dialogue.greet()
            if refusal is None and with_tls and not connection.secure:
                required = self._tls is RouteTLS.REQUIRE
                refusal = await start_tls(
                    connection, dialogue, lambda: self._options(server), required
                )
            if refusal is None:
                of_client = True
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
        raise (NotThisClient if of_client else Unreachable)(_refused(server, refusal))

    def _options(self, server: Server) -> IOpenSSLClientConnectionCreator:
        return client_tls(server.name, self._tls is RouteTLS.REQUIRE)

    async def _connect(self, server: Server, client: Client) -> SMTPClient:
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


def _unreachable(server: Server, cause: str) -> Unreachable:
    return Unreachable(UNREACHABLE.because(f"{server.endpoint}: {cause}"))


def _refused(server: Server, refusal: Status) -> Status:
    """A server that does not want us, or does not want to hear of our client: the client hears it
    as a 421, whatever it was. A proxy that may not say XCLIENT should lose nobody's mail."""
    return Status(421, "4.4.1", UNREACHABLE.text, f"{server.endpoint}: {refusal}")
