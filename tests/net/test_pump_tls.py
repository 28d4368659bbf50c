"""The pump over TLS on loopback sockets: greeting, STARTTLS, closing, handshakes that fail."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, cast

from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint, wrapClientTLS
from twisted.internet.interfaces import IListeningPort, IReactorTime, ITLSTransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from mailhost.interfaces.counts import CONNECTIONS, HANDSHAKES
from mailhost.interfaces.events import CountKey, Refused
from mailhost.interfaces.wire import IMachine, IWire
from mailhost.message.client import Client
from mailhost.net.limits import Bounds, ConnectionLimits
from mailhost.net.pump import PumpFactory, ServedProtocol
from mailhost.net.tls.client import client_tls
from mailhost.net.tls.selfsigned import make_self_signed
from mailhost.net.tls.server import ServerTLS
from mailhost.observe.counts import Counts
from tests.net.pumping import Events, Lines, busy

reactor: Any = installed_reactor


class Peer(Protocol):
    """A client that keeps what it reads."""

    def __init__(self) -> None:
        self.read = b""
        self.lost = False
        self._wanted: list[tuple[Callable[[], bool], Deferred[None]]] = []

    def dataReceived(self, data: bytes) -> None:
        self.read += data
        self._check()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = True
        self._check()

    def until(self, condition: Callable[[], bool]) -> Deferred[None]:
        """Fires once `condition` holds."""
        waiting: Deferred[None] = Deferred()
        self._wanted.append((condition, waiting))
        waiting.addTimeout(10, IReactorTime(reactor))
        self._check()
        return waiting

    def _check(self) -> None:
        for wanted in list(self._wanted):
            if wanted[0]():
                self._wanted.remove(wanted)
                wanted[1].callback(None)

    def send(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)


class TLSTests(TestCase):
    async def listen(self, implicit: bool) -> None:
        """Listen on a free port."""
        paths = make_self_signed(os.path.join(self.mktemp(), "tls"), "mx.example.com")
        tls = ServerTLS([paths])
        self.events, self.counts = Events(), Counts()
        self.machines: list[Lines] = []
        self.factory = PumpFactory(
            ServedProtocol("smtp", implicit, busy),
            self.make,
            IReactorTime(reactor),
            ConnectionLimits(Bounds(10, 10)),
            tls,
            self.events,
            self.counts,
        )
        outermost: Any = TLSMemoryBIOFactory(tls, False, self.factory) if implicit else self.factory
        endpoint = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
        port: IListeningPort = await endpoint.listen(outermost)
        self.port = cast("Any", port).getHost().port
        self.addCleanup(port.stopListening)
        self.addCleanup(lambda: Deferred.fromCoroutine(self.factory.drain(1)))

    def make(self, wire: IWire, client: Client) -> IMachine:
        self.machines.append(Lines(wire, client))
        return self.machines[-1]

    async def connect(self, tls: bool) -> Peer:
        endpoint: Any = TCP4ClientEndpoint(reactor, "127.0.0.1", self.port)
        if tls:
            endpoint = wrapClientTLS(client_tls("mx.example.com", verify=False), endpoint)
        peer: Peer = await endpoint.connect(Factory.forProtocol(Peer))
        return peer

    async def over(self) -> None:
        """Wait until the server's end is gone."""
        for _ in range(500):
            if not self.factory.connections:
                return
            await deferLater(reactor, 0.01)
        self.fail("the connection is still there")

    async def test_greeting_after_the_handshake(self) -> None:
        await self.listen(implicit=True)
        peer = await self.connect(tls=True)
        await peer.until(lambda: peer.read == b"hello\n")
        client = self.machines[0].client
        assert client.tls is not None
        self.assertTrue(client.tls.version.startswith("TLSv1."))
        expected = {
            CountKey(CONNECTIONS, "smtp"): 1,
            CountKey(HANDSHAKES, "smtp", client.tls.version): 1,
        }
        self.assertEqual(expected, self.counts.events)

    async def test_short_replies_are_sent_at_once(self) -> None:
        await self.listen(implicit=False)
        await self.check_no_delay(tls=False)

    async def test_short_replies_are_sent_at_once_over_tls(self) -> None:
        await self.listen(implicit=True)
        await self.check_no_delay(tls=True)

    async def check_no_delay(self, tls: bool) -> None:
        peer = await self.connect(tls)
        await peer.until(lambda: peer.read == b"hello\n")
        (pump,) = self.factory.connections
        self.assertTrue(cast("Any", pump).transport.getTcpNoDelay())

    async def test_hang_up_closes(self) -> None:
        await self.listen(implicit=True)
        for orders in (b"bye\n", b"big\n" * 50 + b"bye\n"):
            peer = await self.connect(tls=True)
            peer.send(orders)
            await peer.until(lambda peer=peer: peer.lost)  # type: ignore[misc]
            self.assertTrue(peer.read.endswith(b"bye\n"))
            await self.over()

    async def test_hang_up_closes_in_the_clear(self) -> None:
        await self.listen(implicit=False)
        peer = await self.connect(tls=False)
        peer.send(b"big\n" * 50 + b"bye\n")
        await peer.until(lambda: peer.lost)
        self.assertEqual(len(peer.read), 6 + 500_000 + 4)

    async def test_starttls(self) -> None:
        await self.listen(implicit=False)
        peer = await self.connect(tls=False)
        peer.send(b"a\ntls\ninjected\n")
        await peer.until(lambda: b"a\n" in peer.read)
        ITLSTransport(peer.transport).startTLS(client_tls("mx.example.com", verify=False))
        peer.send(b"secret\nbye\n")
        await peer.until(lambda: peer.lost)
        self.assertEqual(peer.read, b"hello\na\nsecret\nbye\n")
        self.assertEqual(self.machines[0].ran, ["a", "tls", "secret", "bye"])
        self.assertEqual(self.machines[0].told[0], "secured")
        self.assertEqual({CONNECTIONS, HANDSHAKES}, {key.event for key in self.counts.events})
        await self.over()

    async def test_a_slow_reader_over_tls(self) -> None:
        await self.listen(implicit=True)
        peer = await self.connect(tls=True)
        await peer.until(lambda: peer.read == b"hello\n")
        cast("Any", peer.transport).pauseProducing()
        peer.send(b"big\n" * 1000 + b"bye\n")
        await deferLater(reactor, 0.2)
        ran = len(self.machines[0].ran)
        cast("Any", peer.transport).resumeProducing()
        await peer.until(lambda: peer.lost)
        self.assertEqual(len(peer.read), 6 + 10_000_000 + 4)
        self.assertLess(ran, 1000)

    async def test_no_handshake_at_all(self) -> None:
        for implicit in (True, False):
            await self.listen(implicit)
            peer = await self.connect(tls=False)
            peer.send(b"EHLO x\r\n" if implicit else b"tls\n")
            if not implicit:
                await deferLater(reactor, 0.05)
                peer.send(b"EHLO x\r\n")
            await peer.until(lambda peer=peer: peer.lost)  # type: ignore[misc]
            await self.over()
            refused = self.events.told[-1]
            assert isinstance(refused, Refused)
            self.assertIn("TLS handshake failed", refused.line)
            self.assertNotIn(b"EHLO", peer.read)
            self.assertEqual({CONNECTIONS}, {key.event for key in self.counts.events})

    async def test_gone_in_the_handshake(self) -> None:
        await self.listen(implicit=True)
        peer = await self.connect(tls=False)
        assert peer.transport is not None
        peer.transport.loseConnection()
        await self.over()
        self.assertEqual(self.machines, [])
