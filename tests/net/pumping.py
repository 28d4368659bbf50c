"""For tests of the pump: a machine that does as it is told, and a transport that can be slow."""

from __future__ import annotations

from typing import cast

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IAddress,
    IOpenSSLServerConnectionCreator,
    IPushProducer,
    ITCPTransport,
    ITLSTransport,
)
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import directlyProvides, implementer

from mailhost.interfaces.answer import Answer
from mailhost.interfaces.events import Event, IEventSink
from mailhost.interfaces.wire import IMachine, IWire
from mailhost.message.client import Client, TLSState
from mailhost.message.status import Status
from mailhost.net.limits import Bounds, ConnectionLimits
from mailhost.net.pump import Pump, PumpFactory, ServedProtocol

CLOSED = Failure(ConnectionDone())
PEER = IPv4Address("TCP", "192.0.2.7", 4711)


@implementer(IEventSink)
class Events:
    def __init__(self) -> None:
        self.told: list[Event] = []

    def emit(self, event: Event) -> None:
        self.told.append(event)


@implementer(IMachine)
class Lines:
    """Each line is an order: `wait`, `fired`, `boom`, `later boom`, `big`, `stream N`, `tls`,
    `compress`, `long` or `bye`. Anything else is echoed. `ran` has the lines in their order.
    `push` sends a line that no order asked for.
    """

    timeout = 100.0
    may_be_silent = False

    def __init__(self, wire: IWire, client: Client) -> None:
        self._wire = wire
        self.client = client
        self.ran: list[str] = []
        self.told: list[str] = []
        self.waste = lambda: None
        self.waiting: list[Deferred[None]] = []
        self.largest = 0
        self._buffer = b""
        self.pushed: list[bytes] = []

    def push(self, line: bytes) -> None:
        self.pushed.append(line + b"\n")
        self._wire.wake()

    def greet(self) -> Answer[None]:
        self._wire.write(b"hello\n")
        return None

    def receive(self, data: bytes) -> None:
        self._buffer += data
        self.largest = max(self.largest, len(self._buffer))

    def step(self) -> Answer[bool]:
        if self.pushed:
            self._wire.write(self.pushed.pop(0))
            return True
        line, found, rest = self._buffer.partition(b"\n")
        if not found:
            return False
        self._buffer = rest
        self.ran.append(line.decode())
        return self._obey(*line.decode().split())

    def _obey(self, order: str, *arguments: str) -> Answer[bool]:
        if order == "wait":
            return self._wait()
        if order == "fired":
            fired: Deferred[bool] = Deferred()
            fired.callback(True)
            return fired
        if order == "boom":
            raise ZeroDivisionError("a bug")
        if order == "later":
            return self._wait(boom=True)
        if order == "stream":
            return self._stream(int(arguments[0]))
        if order == "tls":
            self._wire.start_tls()
        elif order == "compress":
            self._wire.write(b"compressing\n")
            self._wire.compress()
        elif order == "long":
            self.waste()
        elif order == "bye":
            self._wire.write(b"bye\n")
            self._wire.hang_up()
            return False
        else:
            self._wire.write(b"x" * 10_000 if order == "big" else f"{order}\n".encode())
        return True

    async def _wait(self, boom: bool = False) -> bool:
        waiting: Deferred[None] = Deferred()
        self.waiting.append(waiting)
        await waiting
        if boom:
            raise ZeroDivisionError("a bug")
        self._wire.write(b"waited\n")
        return True

    async def _stream(self, chunks: int) -> bool:
        await self._wire.stream(iter([b"y" * 10_000] * chunks))
        self._wire.write(b"streamed\n")
        return True

    def secured(self, tls: TLSState) -> None:
        self.told.append("secured")
        self._buffer = b""

    def timed_out(self) -> None:
        self.told.append("timed out")
        self._wire.write(b"too slow\n")

    def failed(self) -> None:
        self.told.append("failed")
        self._wire.write(b"sorry\n")

    def stopping(self) -> None:
        self.told.append("stopping")
        self._wire.write(b"closing\n")
        self._wire.hang_up()

    def lost(self, reason: str) -> None:
        self.told.append(f"lost: {reason}")


class SlowTransport(StringTransport):
    """Holds what is written until `read`; over `room` octets it asks its producer to pause.

    As with a real transport, nothing closes while a producer is there.
    """

    def __init__(self, address: IAddress = PEER, room: int = 65536) -> None:
        super().__init__(peerAddress=address, lenient=True)
        directlyProvides(self, ITLSTransport)  # as far as the pump needs it
        self._room = room
        self._full = False
        self.most = 0
        self.handshakes = 0

    def startTLS(self, contextFactory: object) -> None:
        self.handshakes += 1

    @property
    def closed(self) -> bool:
        return self.disconnected or (self.disconnecting and self.producer is None)

    def write(self, data: bytes) -> None:
        super().write(data)
        self.most = max(self.most, len(self.value()))
        if len(self.value()) > self._room and not self._full and self.producer is not None:
            self._full = True
            self.producer.pauseProducing()

    def read(self) -> bytes:
        """Take all that was written."""
        data: bytes = self.value()
        self.clear()
        if self._full and self.producer is not None:
            self._full = False
            cast("IPushProducer", self.producer).resumeProducing()
        return data


class NoTLS:
    """Stands for certificates where no handshake takes place."""


def busy(status: Status) -> bytes:
    return f"{status.code} {status.text}\r\n".encode()


class Connections:
    """A factory with a clock, and the machines that it made."""

    def __init__(
        self, *, implicit_tls: bool = False, total: int = 100, per_client: int = 10
    ) -> None:
        self.clock = Clock()
        self.events = Events()
        self.limits = ConnectionLimits(Bounds(total, per_client))
        self.machines: list[Lines] = []
        self.factory = PumpFactory(
            ServedProtocol("smtp", implicit_tls, busy),
            self._make,
            self.clock,
            self.limits,
            cast("IOpenSSLServerConnectionCreator", NoTLS()),
            self.events,
        )

    def _make(self, wire: IWire, client: Client) -> IMachine:
        self.machines.append(Lines(wire, client))
        return self.machines[-1]

    def connect(
        self, address: IPv4Address | IPv6Address | UNIXAddress = PEER, room: int = 65536
    ) -> tuple[Pump, SlowTransport]:
        protocol = self.factory.buildProtocol(address)
        transport = SlowTransport(address, room)
        protocol.makeConnection(cast("ITCPTransport", transport))
        return cast("Pump", protocol), transport


class PumpCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.context = Connections()
        self.pump, self.transport = self.context.connect()

    @property
    def machine(self) -> Lines:
        return self.context.machines[-1]
