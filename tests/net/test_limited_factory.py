"""A server that is no pump (a web server, say) behind a Listener: limits, drain, other settings."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IOpenSSLServerConnectionCreator,
    IProtocol,
    IProtocolFactory,
    ITCPTransport,
)
from twisted.internet.testing import MemoryReactorClock, StringTransportWithDisconnection
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site
from twisted.web.static import Data
from zope.interface.verify import verifyObject

from mailhost.application.listeners import Listener
from mailhost.config.model import Listen
from mailhost.config.protocol import ListenProtocol
from mailhost.interfaces.events import Refused
from mailhost.interfaces.server import IServer
from mailhost.net.limited_factory import LimitedFactory
from mailhost.net.limits import Bounds, ConnectionLimits
from tests.net.pumping import Events, NoTLS

GET = b"GET / HTTP/1.1\r\nHost: mail.example.org\r\n\r\n"


class Transport(StringTransportWithDisconnection):
    """One that is closed at once, and says so."""

    def abortConnection(self) -> None:
        self.loseConnection()


class WebServer(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = cast(Any, MemoryReactorClock())
        self.limits = ConnectionLimits(Bounds(total=3, per_client=2))
        self.events = Events()
        tls = cast("IOpenSSLServerConnectionCreator", NoTLS())
        self.server = LimitedFactory("http", self.reactor, self.limits, tls, self.events)
        self.serve(Data(b"a page", "text/plain"))
        listen = Listen(protocol=ListenProtocol.SMTP, endpoint="tcp:0:interface=127.0.0.1")
        self.listener = Listener(self.reactor, listen, self.server)
        self.listener.open()

    def serve(self, resource: Resource) -> Site:
        resource.isLeaf = True
        site = Site(resource, reactor=self.reactor)
        self.server.serve(site)
        return site

    def connect(self, ip: str = "192.0.2.7") -> tuple[IProtocol | None, Transport]:
        [(_, factory, _, _)] = self.reactor.tcpServers
        address = IPv4Address("TCP", ip, 4711)
        protocol = cast(IProtocolFactory, factory).buildProtocol(address)
        transport = Transport(peerAddress=address)
        if protocol is not None:
            transport.protocol = protocol
            protocol.makeConnection(cast("ITCPTransport", transport))
        return protocol, transport

    def get(self) -> bytes:
        protocol, transport = self.connect()
        assert protocol is not None
        protocol.dataReceived(GET)
        page: bytes = transport.value()
        transport.loseConnection()
        return page

    def drain(self, seconds: float) -> Deferred[None]:
        return Deferred.fromCoroutine(self.listener.drain(seconds))

    def test_interface(self) -> None:
        verifyObject(IServer, self.server)

    def test_a_page(self) -> None:
        self.assertTrue(self.get().endswith(b"\r\n\r\na page"))
        self.assertEqual(self.limits.total, 0)

    def test_its_connections_count(self) -> None:
        self.connect()
        self.connect()
        self.assertEqual(self.limits.total, 2)
        refused, _ = self.connect()
        self.assertIsNone(refused)
        [event] = self.events.told
        assert isinstance(event, Refused)
        self.assertEqual((event.client.protocol, event.client.ip), ("http", "192.0.2.7"))
        self.assertIsNotNone(self.connect("192.0.2.8")[0])
        self.assertIsNone(self.connect("192.0.2.9")[0])

    def test_a_drain_waits_for_what_is_under_way(self) -> None:
        requests: list[Request] = []

        class Slow(Resource):
            def render(self, request: Request) -> int:
                requests.append(request)
                return NOT_DONE_YET

        self.serve(Slow())
        protocol, transport = self.connect()
        assert protocol is not None
        protocol.dataReceived(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        drained = self.drain(30)
        self.reactor.advance(29)
        self.assertNoResult(drained)
        requests[0].write(b"at last")
        requests[0].finish()
        self.assertIn(b"at last", transport.value())
        self.successResultOf(drained)
        self.assertEqual(self.limits.total, 0)

    def test_a_drain_ends(self) -> None:
        _, transport = self.connect()
        drained = self.drain(30)
        self.reactor.advance(29)
        self.assertTrue(transport.connected)
        self.reactor.advance(1)
        self.assertFalse(transport.connected)
        self.successResultOf(drained)

    def test_a_drain_with_no_connection(self) -> None:
        self.successResultOf(self.drain(30))
        self.successResultOf(Deferred.fromCoroutine(self.server.ended()))

    def test_new_settings_serve_new_connections(self) -> None:
        protocol, transport = self.connect()
        assert protocol is not None
        self.server.doStart()  # as the port does
        new = self.serve(Data(b"another page", "text/plain"))
        self.assertEqual(new.numPorts, 1)
        self.assertTrue(self.get().endswith(b"another page"))
        protocol.dataReceived(GET)
        self.assertTrue(transport.value().endswith(b"\r\n\r\na page"))
        self.server.doStop()
        self.assertEqual(new.numPorts, 0)
