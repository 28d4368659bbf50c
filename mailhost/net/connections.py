"""The open connections of one listening socket: admitted within the limits, counted, drained."""

from __future__ import annotations

from ipaddress import IPv6Address
from typing import Generic, Protocol, TypeVar

from twisted.internet.address import IPv4Address as TCP4
from twisted.internet.address import IPv6Address as TCP6
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from mailhost.interfaces.events import IEventSink, Refused
from mailhost.message.client import Client
from mailhost.message.ids import new_id
from mailhost.message.status import Status
from mailhost.net.limits import ConnectionLimits


class Connection(Protocol):
    """How a connection is closed."""

    def stopping(self) -> None:
        """Close as soon as what is under way has ended."""

    def abort(self) -> None:
        """Close at once."""


C = TypeVar("C", bound=Connection)


class Connections(Generic[C]):
    """The connections of one listener; `limits` count those of all listeners."""

    def __init__(self, clock: IReactorTime, limits: ConnectionLimits, events: IEventSink) -> None:
        self.open: set[C] = set()
        self._clock = clock
        self._limits = limits
        self._events = events
        self._empty: list[Deferred[None]] = []

    @property
    def crowded(self) -> bool:
        """True where few places are left."""
        return self._limits.crowded

    def admit(self, client: Client) -> Status | None:
        """Count a new connection of `client`, or return (and log) the refusal by the limits.

        Once admitted, `add` and one day `remove` must follow.
        """
        refusal = self._limits.admit(client.ip)
        if refusal is not None:
            self._events.emit(Refused(client, "connection", refusal))
        return refusal

    def add(self, connection: C) -> None:
        """An admitted connection begins."""
        self.open.add(connection)

    def remove(self, connection: C, client: Client) -> None:
        """A connection is gone."""
        self.open.discard(connection)
        self._limits.release(client.ip)
        if not self.open:
            waiting, self._empty = self._empty, []
            for deferred in waiting:
                deferred.callback(None)

    async def drain(self, seconds: float) -> None:
        """Let what is under way end within `seconds`, then close every connection."""
        for connection in list(self.open):
            connection.stopping()
        deadline = self._clock.callLater(seconds, self._abort_all)
        await self.ended()
        if deadline.active():
            deadline.cancel()

    async def ended(self) -> None:
        """Wait until there is no connection."""
        if self.open:
            empty: Deferred[None] = Deferred()
            self._empty.append(empty)
            await empty

    def _abort_all(self) -> None:
        for connection in list(self.open):
            connection.abort()


def client_at(address: object, protocol: str) -> Client:
    """Return a new client of a listener. `address` is its transport's peer; an IPv4 address that
    comes as IPv6 (::ffff:192.0.2.1) is taken for IPv4."""
    ip, port = "", 0
    if isinstance(address, TCP4 | TCP6):
        ip, port = address.host, address.port
        mapped = IPv6Address(ip.partition("%")[0]).ipv4_mapped if ":" in ip else None
        ip = str(mapped) if mapped else ip
    return Client(ip, port, protocol, new_id())
