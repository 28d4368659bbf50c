"""Passes connections on to another address, as a firewall does that looks into SMTP.

Lines to the client may be changed until the client begins TLS, and the connection may be made late.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Protocol, ServerFactory, connectionDone
from twisted.python.failure import Failure

from mailhost.interfaces.reactor import IReactor
from mailhost.net.connect import OneConnection

ChangeLine = Callable[[bytes], bytes]
_SECONDS = 10.0  # for the connection onward


def hide_starttls(line: bytes) -> bytes:
    """Return a line of a reply to EHLO as a transparent proxy passes it on: with another word in
    place of STARTTLS."""
    return line[:4] + b"XXXXXXXA" if line[4:].upper() == b"STARTTLS" else line


@dataclass(frozen=True, slots=True)
class Onward:
    """The address and port to pass connections on to, `delay` in seconds before, and how lines to
    the client are changed, None for not at all."""

    address: str
    port: int
    delay: float = 0.0
    change: ChangeLine | None = None


class ForwardingFactory(ServerFactory):
    """Makes the client's end of each connection."""

    noisy = False

    def __init__(self, reactor: IReactor, onward: Onward) -> None:
        self._reactor = reactor
        self._onward = onward
        self._open: set[_ClientEnd] = set()

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        """Return the protocol for a connection of a client."""
        return _ClientEnd(self._reactor, self._onward, self._open)

    def close_all(self) -> None:
        """End all connections."""
        for near in list(self._open):
            near.end()


class _ClientEnd(Protocol):
    """The connection from the client.

    Octets of the client are kept until the connection to the server is made.
    """

    def __init__(self, reactor: IReactor, onward: Onward, all_open: set[_ClientEnd]) -> None:
        self._reactor = reactor
        self._onward = onward
        self._all = all_open
        self._far: _ServerEnd | None = None
        self._waiting = b""
        self._gone = False

    def connectionMade(self) -> None:
        self._all.add(self)
        self._timer = self._reactor.callLater(self._onward.delay, self._connect)

    def _connect(self) -> None:
        onward = self._onward
        far = _ServerEnd(self, onward.change)
        endpoint = TCP4ClientEndpoint(self._reactor, onward.address, onward.port, timeout=_SECONDS)
        connecting: Deferred[Any] = endpoint.connect(OneConnection(far))
        connecting.addCallbacks(lambda _: self._connected(far), lambda _: self.end())

    def _connected(self, far: _ServerEnd) -> None:
        self._far = far
        if self._gone:
            far.end()
        elif self._waiting:
            far.send(self._waiting)

    def dataReceived(self, data: bytes) -> None:
        if self._far is None:
            self._waiting += data
        else:
            self._far.send(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._gone = True
        self._all.discard(self)
        if self._timer.active():
            self._timer.cancel()
        if self._far is not None:
            self._far.end()

    def send(self, data: bytes) -> None:
        if self.transport is not None:
            self.transport.write(data)

    def end(self) -> None:
        if self.transport is not None:
            self.transport.loseConnection()


class _ServerEnd(Protocol):
    """The connection to the server.

    Lines of the server are changed until the client sends STARTTLS.
    """

    def __init__(self, near: _ClientEnd, change: ChangeLine | None) -> None:
        self._near = near
        self._change = change
        self._line = b""

    def send(self, data: bytes) -> None:
        if data.upper().startswith(b"STARTTLS"):
            self._change = None
        if self.transport is not None:
            self.transport.write(data)

    def dataReceived(self, data: bytes) -> None:
        if self._change is None:
            self._near.send(self._line + data)
            self._line = b""
            return
        *lines, self._line = (self._line + data).split(b"\r\n")
        for line in lines:
            self._near.send(self._change(line) + b"\r\n")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._near.end()

    def end(self) -> None:
        if self.transport is not None:
            self.transport.loseConnection()
