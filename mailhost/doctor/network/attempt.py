"""Finds out whether a TCP port of another host accepts connections, refuses them, or is silent.

The first line is read if it comes at once, QUIT is sent, and the connection is closed. A host that
can be reached accepts a connection in much less time than is allowed here, from anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from mailhost.config.sending import of_family
from mailhost.interfaces.reactor import IReactor
from mailhost.net.connect import ConnectFailed, connect

CONNECT_SECONDS = 2.2
GREETING_SECONDS = 0.4
LONGEST_GREETING = 200  # octets that are kept


class Result(Enum):
    """The ends of an attempt."""

    ANSWERED = "answered"  # the connection was accepted
    REFUSED = "refused"
    TIMED_OUT = "timed out"
    FAILED = "failed"  # such as no route


@dataclass(frozen=True, slots=True)
class Attempt:
    """The end of an attempt. `said` is the start of the greeting, or the reason of the failure."""

    end: Result
    said: str = ""


class PortAttempts:
    """Connects from `bind`, addresses of this machine, or from any of an IP version that is not
    among them."""

    def __init__(self, reactor: IReactor, bind: Sequence[str] = ()) -> None:
        self._reactor = reactor
        self._bind = bind

    async def __call__(self, ip: str, port: int) -> Attempt:
        """Try one port. Raises nothing."""
        bound = of_family(self._bind, ip)
        own = (bound, 0) if bound else None
        make = TCP6ClientEndpoint if ":" in ip else TCP4ClientEndpoint
        endpoint = make(self._reactor, ip, port, timeout=CONNECT_SECONDS + 1, bindAddress=own)
        connection = _Connection()
        try:
            await connect(endpoint, connection, self._reactor, CONNECT_SECONDS)
        except ConnectFailed as failed:
            return Attempt(_end_of(failed), str(failed))
        try:
            return Attempt(Result.ANSWERED, await self._greeting(connection))
        finally:
            connection.leave()

    async def _greeting(self, connection: _Connection) -> str:
        try:
            return await connection.greeting.addTimeout(GREETING_SECONDS, self._reactor)
        except TimeoutError:
            return ""


def _end_of(failed: ConnectFailed) -> Result:
    if isinstance(failed.__cause__, ConnectionRefusedError):
        return Result.REFUSED
    return Result.TIMED_OUT if str(failed).startswith("timed out") else Result.FAILED


class _Connection(Protocol):
    """One connection; `greeting` fires with the first line, or with what came before the end."""

    def __init__(self) -> None:
        self.greeting: Deferred[str] = Deferred()
        self._read = b""

    def dataReceived(self, data: bytes) -> None:
        self._read = (self._read + data)[:LONGEST_GREETING]
        if b"\n" in self._read or len(self._read) == LONGEST_GREETING:
            self._end()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._end()

    def _end(self) -> None:
        if not self.greeting.called:
            self.greeting.callback(self._read.partition(b"\n")[0].decode("latin-1").strip())

    def leave(self) -> None:
        if self.transport is not None:
            self.transport.write(b"QUIT\r\n")
            self.transport.loseConnection()
