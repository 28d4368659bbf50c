"""Connection limits for a Twisted protocol factory that does not use the pump, such as HTTP.

Its connections count like all others. It is an IServerFactory, so a listener can open and drain it.
"""

from __future__ import annotations

from twisted.internet.interfaces import (
    IAddress,
    IHandshakeListener,
    IOpenSSLServerConnectionCreator,
    IProtocolFactory,
    IReactorTime,
    ITCPTransport,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from mailhost.interfaces.counts import CONNECTIONS, HANDSHAKES, ICounts, NoCounts
from mailhost.interfaces.events import IEventSink, Refused, count_key
from mailhost.interfaces.wire import IEndsWhenIdle, IServerFactory
from mailhost.message.client import Client
from mailhost.message.ids import new_id
from mailhost.net.limits import ConnectionLimits
from mailhost.net.open_connections import OpenConnections
from mailhost.net.peer import peer_of
from mailhost.net.tls.server import tls_state


class _Closing(Protocol):
    """Closes its connection at once. A factory of TLS connections around this one takes no None for
    a protocol."""

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.loseConnection()


@implementer(IHandshakeListener)
class _Limited(ProtocolWrapper):
    """One connection, counted until it is gone."""

    factory: LimitedFactory
    ip = ""

    def handshakeCompleted(self) -> None:
        """A TLS handshake has ended well."""
        state = tls_state(self.transport)
        self.factory.count_handshake(state.version if state else "")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Count the connection no more."""
        super().connectionLost(reason)  # type: ignore[no-untyped-call]  # not typed in Twisted
        self.factory.forget(self)


@implementer(IServerFactory)
class LimitedFactory(WrappingFactory[_Limited]):
    """`wrapped` serves the connections. `protocol` is their name in the log."""

    noisy = False
    protocol = _Limited

    def __init__(
        self,
        wrapped: IProtocolFactory,
        protocol: str,
        clock: IReactorTime,
        limits: ConnectionLimits,
        tls: IOpenSSLServerConnectionCreator,
        events: IEventSink,
        counts: ICounts = NoCounts(),  # noqa: B008 -- without a state
    ) -> None:
        super().__init__(wrapped)  # type: ignore[no-untyped-call]  # not typed in Twisted
        self.tls = tls
        self._name = protocol
        self._clock = clock
        self._limits = limits
        self._events = events
        self._counts = counts
        self._connections: OpenConnections[ProtocolWrapper] = OpenConnections()

    def buildProtocol(  # type: ignore[override]  # typed too narrowly in Twisted
        self, addr: IAddress | None
    ) -> Protocol:
        """Serve a client; a connection beyond the limits is closed at once."""
        ip, port = peer_of(addr)
        refusal = self._limits.admit(ip)
        if refusal is not None:
            client = Client(ip, port, self._name, new_id())
            self._events.emit(Refused(client, "connection", refusal))
            return _Closing()
        wrapped = self.wrappedFactory.buildProtocol(addr)
        if wrapped is None:
            self._limits.release(ip)
            return _Closing()
        self._counts.count(count_key(CONNECTIONS, self._name))
        protocol = _Limited(self, wrapped)
        protocol.ip = ip
        self._connections.add(protocol)
        return protocol

    def serve(self, maker: IProtocolFactory) -> None:
        """See IServerFactory. Connections that are open go on with the former factory."""
        former, self.wrappedFactory = self.wrappedFactory, maker
        if self.numPorts:
            maker.doStart()
            former.doStop()

    def count_handshake(self, version: str) -> None:
        """Count a TLS handshake, with its version of TLS."""
        self._counts.count(count_key(HANDSHAKES, self._name, version))

    def forget(self, protocol: _Limited) -> None:
        """A connection is gone."""
        self._limits.release(protocol.ip)
        self._connections.forget(protocol)

    @property
    def open_count(self) -> int:
        """See IServerFactory."""
        return len(self._connections)

    async def drain(self, seconds: float) -> None:
        """See IServerFactory. Connections that are no IEndsWhenIdle have `seconds` to end by
        themselves."""
        self._end_idle()
        await self._connections.drain(self._clock, seconds, _abort)

    async def retire(self) -> None:
        """See IServerFactory. Connections that are no IEndsWhenIdle end by themselves."""
        self._end_idle()
        await self._connections.ended()

    def _end_idle(self) -> None:
        for each in list(self._connections):
            connection = IEndsWhenIdle(each.wrappedProtocol, None)
            if connection is not None:
                connection.stopping()

    async def ended(self) -> None:
        """See IServerFactory."""
        await self._connections.ended()


def _abort(protocol: ProtocolWrapper) -> None:
    ITCPTransport(protocol, protocol).abortConnection()
