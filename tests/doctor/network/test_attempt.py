"""Attempts to connect to a port of another host."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor as made
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import TestCase

from mailhost.doctor.network.attempt import Attempt, PortAttempts, Result


class Greeting(Protocol):
    def __init__(self, greeting: bytes) -> None:
        self._greeting = greeting
        self.read = b""

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(self._greeting)

    def dataReceived(self, data: bytes) -> None:
        self.read += data
        assert self.transport is not None
        self.transport.loseConnection()


class AttemptTests(TestCase):
    """On loopback."""

    reactor: Any = made

    def listen(self, greeting: bytes) -> int:
        factory = Factory.forProtocol(lambda: Greeting(greeting))
        factory.noisy = False
        port = self.reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        number: int = port.getHost().port
        return number

    async def test_a_port_that_greets(self) -> None:
        port = self.listen(b"220-mx.example.net\r\n220 ready\r\n")
        found = await PortAttempts(self.reactor)("127.0.0.1", port)
        self.assertEqual(Attempt(Result.ANSWERED, "220-mx.example.net"), found)

    async def test_a_hostile_greeting_is_cut(self) -> None:
        port = self.listen(b"2" * 100_000)
        found = await PortAttempts(self.reactor, ["127.0.0.2"])("127.0.0.1", port)
        self.assertEqual(Attempt(Result.ANSWERED, "2" * 200), found)

    async def test_a_closed_port(self) -> None:
        closed = self.reactor.listenTCP(0, Factory(), interface="127.0.0.1")
        number = closed.getHost().port
        await closed.stopListening()
        found = await PortAttempts(self.reactor)("127.0.0.1", number)
        self.assertIs(Result.REFUSED, found.end)

    def test_packets_that_vanish(self) -> None:
        clock: Any = MemoryReactorClock()
        found = []

        async def try_port() -> None:
            found.append(await PortAttempts(clock)("192.0.2.1", 25))

        Deferred.fromCoroutine(try_port())
        clock.advance(2.5)
        self.assertEqual([Attempt(Result.TIMED_OUT, "timed out after 2.2 s")], found)
