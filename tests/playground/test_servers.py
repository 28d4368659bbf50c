"""The servers that replace a host with a fault: forwarded, scripted, and filtered ports."""

from __future__ import annotations

import select
import socket
from typing import Any

from twisted.internet import reactor as made
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailhost.net.connect import OneConnection
from mailhost.playground.filtered import FilteredPort
from mailhost.playground.forwarding import ForwardingFactory, Onward, hide_starttls
from mailhost.playground.scripted import END_OF_DATA, Script, ScriptedServer
from tests.end_to_end.running import free_port

EHLO = b"250-mx.beta.internal\r\n250-STARTTLS\r\n250 SIZE\r\n"
reactor: Any = made


class Server(Protocol):
    """Greets, and answers each line with the reply to EHLO."""

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(b"220 mx.beta.internal\r\n")

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(EHLO)


class Client(Protocol):
    """Waits for an amount of octets."""

    def __init__(self) -> None:
        self.read = b""
        self.wanted = b""
        self.seen: Deferred[bytes] = Deferred()
        self.lost: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.read += data
        if self.read.endswith(self.wanted) and not self.seen.called:
            self.seen.callback(self.read)

    def connectionLost(self, reason: Any = None) -> None:
        self.lost.callback(None)


class ForwardingTests(TestCase):
    def listen(self, factory: Any) -> int:
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        number: int = port.getHost().port
        return number

    async def talk(self, onward_options: dict[str, Any]) -> bytes:
        """Say EHLO over a forwarded connection, and return what was read."""
        server = Factory.forProtocol(Server)
        server.noisy = False
        onward = Onward("127.0.0.1", self.listen(server), **onward_options)
        from twisted.internet.endpoints import TCP4ClientEndpoint

        port = self.listen(ForwardingFactory(reactor, onward))
        client = Client()
        client.wanted = b"SIZE\r\n"
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
        await endpoint.connect(OneConnection(client))
        assert client.transport is not None
        client.transport.write(b"EHLO client.example\r\n")
        read = await client.seen
        client.transport.loseConnection()
        await client.lost
        return read

    async def test_as_it_is(self) -> None:
        self.assertEqual(b"220 mx.beta.internal\r\n" + EHLO, await self.talk({"delay": 0.01}))

    async def test_without_starttls(self) -> None:
        read = await self.talk({"change": hide_starttls})
        self.assertIn(b"250-XXXXXXXA\r\n250 SIZE\r\n", read)

    def test_only_that_line_is_changed(self) -> None:
        self.assertEqual(b"250 XXXXXXXA", hide_starttls(b"250 starttls"))
        self.assertEqual(b"220 STARTTLS is here", hide_starttls(b"220 STARTTLS is here"))


class ScriptedTests(SynchronousTestCase):
    def answers(self, script: Script, *lines: bytes) -> list[bytes]:
        server, transport = ScriptedServer(script), StringTransport()
        server.makeConnection(transport)
        server.dataReceived(b"".join(line + b"\r\n" for line in lines))
        read: bytes = transport.value()
        return read.splitlines()

    def test_the_usual_replies_and_another(self) -> None:
        script = Script("mx.example", (b"SIZE",), replies={b"RCPT": b"450 4.2.0 Greylisted"})
        read = self.answers(script, b"EHLO a", b"MAIL FROM:<>", b"RCPT TO:<b@c>", b"X", b"QUIT")
        self.assertEqual(
            [
                b"220 mx.example ESMTP",
                b"250-mx.example",
                b"250 SIZE",
                b"250 2.1.0 Sender accepted",
                b"450 4.2.0 Greylisted",
                b"500 5.5.2 Unknown command",
                b"221 2.0.0 Goodbye",
            ],
            read,
        )

    def test_bare_line_ends(self) -> None:
        server, transport = ScriptedServer(Script("a", bare_line_ends=True)), StringTransport()
        server.makeConnection(transport)
        server.dataReceived(b"DATA\r\nx\n.\nNOOP\r\n")
        self.assertEqual(b"250 2.0.0 Done", transport.value().splitlines()[-1])

    def test_content(self) -> None:
        script = Script("mx.example", replies={END_OF_DATA: b"554 5.7.1 No"})
        read = self.answers(script, b"DATA", b"QUIT", b".", b"HELO a")
        self.assertEqual([b"554 5.7.1 No", b"250 mx.example"], read[2:])


class FilteredTests(SynchronousTestCase):
    def test_packets_vanish(self) -> None:
        """As long as the test can wait."""
        number = free_port("127.0.0.4")
        port = FilteredPort("127.0.0.4", number)
        self.addCleanup(port.stop)
        with socket.socket() as client:
            client.setblocking(False)
            client.connect_ex(("127.0.0.4", number))
            self.assertEqual([], select.select([], [client], [], 0.3)[1])
