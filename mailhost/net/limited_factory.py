"""Serves by any Twisted factory, such as `twisted.web.server.Site`, within the connection limits.

The connections count as all others do, and a stop waits for them. Twisted's protocols have no
common way to be asked to end: a drain leaves them its seconds, then closes.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from twisted.internet.interfaces import (
    IAddress,
    IOpenSSLServerConnectionCreator,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
    ITCPTransport,
)
from twisted.internet.protocol import Factory
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from zope.interface import implementer

from mailhost.interfaces.events import IEventSink
from mailhost.interfaces.server import IServer
from mailhost.message.client import Client
from mailhost.net.connections import Connections, client_at
from mailhost.net.limits import ConnectionLimits


class _Counted(ProtocolWrapper):
    """One connection: the transport of the protocol that serves it."""

    def __init__(self, server: LimitedFactory, protocol: IProtocol, client: Client) -> None:
        super().__init__(server, protocol)
        self.client = client

    def stopping(self) -> None:
        """Nothing can be asked of the protocol."""

    def abort(self) -> None:
        """Close at once."""
        ITCPTransport(self.transport, self.transport).abortConnection()


@implementer(IServer)
class LimitedFactory(WrappingFactory[_Counted]):
    """`protocol` is the listener's, for the log. Refused connections are closed without a word."""

    noisy = False

    def __init__(
        self,
        protocol: str,
        clock: IReactorTime,
        limits: ConnectionLimits,
        tls: IOpenSSLServerConnectionCreator,
        events: IEventSink,
    ) -> None:
        super().__init__(Factory())  # type: ignore[no-untyped-call]  # Twisted's; until `serve`
        self.tls = tls
        self._protocol = protocol
        self._connections: Connections[_Counted] = Connections(clock, limits, events)

    def serve(self, sessions: IProtocolFactory) -> None:
        """Serve new connections by this factory. The others keep theirs until they end."""
        former, self.wrappedFactory = self.wrappedFactory, sessions
        if self.numPorts:
            sessions.doStart()
            former.doStop()

    def buildProtocol(self, addr: IAddress | None) -> _Counted | None:  # type: ignore[override]
        protocol = self.wrappedFactory.buildProtocol(addr)
        client = client_at(addr, self._protocol)
        if protocol is None or self._connections.admit(client) is not None:
            return None
        return _Counted(self, protocol, client)

    def registerProtocol(self, p: _Counted) -> None:
        self._connections.add(p)

    def unregisterProtocol(self, p: _Counted) -> None:
        self._connections.remove(p, p.client)

    def drain(self, seconds: float) -> Coroutine[Any, Any, None]:
        return self._connections.drain(seconds)

    def ended(self) -> Coroutine[Any, Any, None]:
        return self._connections.ended()
