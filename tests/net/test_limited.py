"""A server that is no session, behind the connection limits: Twisted's HTTP server."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.test import iosim
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import Site
from zope.interface import implementer
from zope.interface.verify import verifyObject

from mailhost.interfaces.counts import CONNECTIONS, HANDSHAKES
from mailhost.interfaces.events import CountKey
from mailhost.interfaces.wire import IEndsWhenIdle, IServerFactory
from mailhost.net.limited import LimitedFactory
from mailhost.net.limits import Bounds, ConnectionLimits
from mailhost.net.tls.selfsigned import make_self_signed
from mailhost.net.tls.server import ServerTLS
from mailhost.observe.counts import Counts
from tests.fakes import RecordingEvents
from tests.net.tls.handshakes import Making, Offering

CLOSED = Failure(ConnectionDone())


class Hello(Resource):
    """One page."""

    isLeaf = True

    def __init__(self, text: bytes = b"hello") -> None:
        super().__init__()
        self.text = text

    def render_GET(self, request: object) -> bytes:
        return self.text


class Transport(StringTransport):
    """Notes that it was cut."""

    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True


@implementer(IEndsWhenIdle)
class Ending(Protocol):
    """Notes that it was asked to end, and does."""

    def stopping(self) -> None:
        assert self.transport is not None
        self.transport.loseConnection()


class LimitedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.limits = ConnectionLimits(Bounds(100, 2))
        self.events, self.counts = RecordingEvents(), Counts()
        tls = cast(IOpenSSLServerConnectionCreator, object())
        site = Site(Hello(), reactor=self.clock)
        self.factory = LimitedFactory(
            site, "http", self.clock, self.limits, tls, self.events, self.counts
        )
        self.factory.doStart()
        self.addCleanup(self.factory.doStop)

    def connect(self) -> tuple[Any, Transport]:
        """A client connects."""
        address = IPv4Address("TCP", "192.0.2.7", 4711)
        protocol = self.factory.buildProtocol(address)
        transport = Transport(peerAddress=address)
        protocol.makeConnection(transport)
        return protocol, transport

    def test_it_is_a_server_of_a_listener(self) -> None:
        verifyObject(IServerFactory, self.factory)

    def test_requests_are_answered(self) -> None:
        protocol, transport = self.connect()
        protocol.dataReceived(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        self.assertIn(b"200 OK", transport.value())
        self.assertTrue(transport.value().endswith(b"hello"))

    def test_connections_count(self) -> None:
        first, _ = self.connect()
        self.connect()
        self.assertTrue(self.connect()[1].disconnecting)
        self.assertIn("refused connection from [192.0.2.7]", self.events.lines[0])
        self.assertEqual((2, 2), (self.limits.total, self.factory.open_count))
        first.connectionLost(CLOSED)
        self.assertEqual((1, 1), (self.limits.total, self.factory.open_count))
        self.assertFalse(self.connect()[1].disconnecting)
        self.assertEqual({CountKey(CONNECTIONS, "http"): 3}, self.counts.events)

    def test_a_connection_beyond_the_limits_with_implicit_tls(self) -> None:
        """Twisted's factory of TLS connections does not take None for a protocol."""
        tls = ServerTLS([make_self_signed(self.mktemp(), "a.example")])
        self.factory.serve(Factory.forProtocol(Protocol))
        outer = TLSMemoryBIOFactory(tls, False, self.factory)
        address = IPv4Address("TCP", "192.0.2.7", 4711)
        transports = [Transport(peerAddress=address) for _ in range(3)]
        for transport in transports:
            outer.buildProtocol(address).makeConnection(transport)
        self.assertEqual([each.aborted for each in transports], [False, False, True])
        self.assertEqual((2, 2), (self.limits.total, self.factory.open_count))

    def test_handshakes_are_counted_by_version(self) -> None:
        tls = ServerTLS([make_self_signed(self.mktemp(), "a.example")])
        self.factory.serve(Factory.forProtocol(Protocol))
        for newest in ("1.3", "1.2"):
            client = Offering("a.example", newest=newest)
            here = TLSMemoryBIOFactory(client, True, Making(Protocol())).buildProtocol(None)
            there = TLSMemoryBIOFactory(tls, False, self.factory).buildProtocol(None)
            ends = iosim.FakeTransport(there, True), iosim.FakeTransport(here, False)
            iosim.connect(there, ends[0], here, ends[1]).flush()
        for version in ("TLSv1.3", "TLSv1.2"):
            self.assertEqual(1, self.counts.events[CountKey(HANDSHAKES, "http", version)])

    def test_a_client_that_the_server_refuses_is_not_counted(self) -> None:
        refusing: Any = Factory()
        refusing.buildProtocol = lambda addr: None
        self.factory.serve(refusing)
        self.assertTrue(self.connect()[1].disconnecting)
        self.assertEqual(0, self.limits.total)

    def test_a_reload_is_for_new_connections(self) -> None:
        old, old_transport = self.connect()
        self.factory.serve(Site(Hello(b"new"), reactor=self.clock))
        new, new_transport = self.connect()
        for protocol in (old, new):
            protocol.dataReceived(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        self.assertTrue(old_transport.value().endswith(b"hello"))
        self.assertTrue(new_transport.value().endswith(b"new"))

    def test_draining_waits_for_the_last_one(self) -> None:
        protocol, transport = self.connect()
        draining = Deferred.fromCoroutine(self.factory.drain(30))
        self.clock.advance(29)
        self.assertFalse(transport.aborted)
        protocol.connectionLost(CLOSED)
        self.successResultOf(draining)
        self.clock.advance(2)
        self.assertFalse(transport.aborted)

    def test_connections_of_a_removed_listener_end_by_themselves(self) -> None:
        protocol, transport = self.connect()
        retiring = Deferred.fromCoroutine(self.factory.retire())
        self.clock.advance(30)
        self.assertNoResult(retiring)
        protocol.connectionLost(CLOSED)
        self.successResultOf(retiring)
        self.assertFalse(transport.aborted)

    def test_draining_ends(self) -> None:
        protocol, transport = self.connect()
        draining = Deferred.fromCoroutine(self.factory.drain(30))
        self.clock.advance(30)
        self.assertTrue(transport.aborted)
        protocol.connectionLost(CLOSED)
        self.successResultOf(draining)

    def test_connections_that_can_end_when_idle_are_asked_to(self) -> None:
        self.factory.serve(Factory.forProtocol(Ending))
        for end in (self.factory.retire, lambda: self.factory.drain(30)):
            protocol, transport = self.connect()
            ending = Deferred.fromCoroutine(end())
            self.assertTrue(transport.disconnecting)
            protocol.connectionLost(CLOSED)
            self.successResultOf(ending)
