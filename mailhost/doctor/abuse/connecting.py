"""Opens connections to a mail server for checks of abuse.

The greeting is read; TLS is used only on ports with implicit TLS.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Protocol

from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint, wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint

from mailhost.interfaces.reactor import IReactor
from mailhost.net.connect import ConnectFailed, connect
from mailhost.net.tls.client import client_tls
from mailhost.smtp.client.dialogue import Dialogue
from mailhost.smtp.client.protocol import ConnectionBroken, SMTPClient
from mailhost.smtp.client.timeouts import Timeouts

TIMEOUTS = Timeouts(greeting=20.0, command=15.0, data=15.0, end=15.0, quit=2.0)
CONNECT_TIMEOUT = 10.0  # seconds


class NotReached(Exception):
    """The server cannot be reached, or refuses the session; the message has the reason."""


@dataclass(frozen=True, slots=True)
class Place:
    """A port at an IP address. `preamble` is sent before the greeting is read."""

    ip: str
    port: int
    implicit_tls: bool = False
    preamble: bytes = b""

    def __str__(self) -> str:
        return f"[{self.ip}]:{self.port}" if ":" in self.ip else f"{self.ip}:{self.port}"


@dataclass(frozen=True, slots=True)
class Connection:
    """An open connection. `wire` sends octets that the dialogue cannot send."""

    dialogue: Dialogue
    wire: SMTPClient


class OpenConnection(Protocol):
    """Opens another connection to the same port."""

    def __call__(self) -> Awaitable[Connection]:
        """Return a greeted connection. Raises NotReached."""


def opener(reactor: IReactor, place: Place, hostname: str) -> OpenConnection:
    """Return a function that opens connections to a port, with the name `hostname` in EHLO."""

    async def open_connection() -> Connection:
        wire = SMTPClient(reactor, place.preamble)
        try:
            await connect(_endpoint(reactor, place), wire, reactor, CONNECT_TIMEOUT)
        except ConnectFailed as failed:
            raise NotReached(f"{place}: {failed}") from failed
        wire.secure = place.implicit_tls
        connection = Connection(Dialogue(wire, hostname, TIMEOUTS), wire)
        await greet(connection)
        return connection

    return open_connection


async def greet(connection: Connection) -> None:
    """Read the greeting and send EHLO. Raises NotReached."""
    try:
        refusal = await connection.dialogue.greet()
    except ConnectionBroken as broken:
        raise NotReached(str(broken)) from broken
    if refusal is not None:
        await connection.dialogue.quit()
        raise NotReached(str(refusal))


def _endpoint(reactor: IReactor, place: Place) -> IStreamClientEndpoint:
    make = TCP6ClientEndpoint if ":" in place.ip else TCP4ClientEndpoint
    endpoint = make(reactor, place.ip, place.port, timeout=CONNECT_TIMEOUT)
    if not place.implicit_tls:
        return endpoint
    return wrapClientTLS(client_tls(place.ip, verify=False), endpoint)
