"""The metrics' listener: opened, moved and closed by a reload."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace
from typing import Any, cast

from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import ClientCreator, Protocol
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from mailhost.application.metrics import BOUNDS, MetricsListener
from mailhost.concurrency.pauses import no_pause
from mailhost.config.metrics import Metrics
from mailhost.config.model import Settings
from mailhost.interfaces.reactor import IReactor
from tests.end_to_end.running import free_port
from tests.fakes import RecordingEvents


class MetricsListenerTests(TestCase):
    def setUp(self) -> None:
        self.events = RecordingEvents()
        self.listener = self.make()
        self.addCleanup(lambda: Deferred.fromCoroutine(self.listener.close()))

    def make(self) -> MetricsListener:
        head: Any = SimpleNamespace(
            foundation=SimpleNamespace(
                tls=None, pause=no_pause, in_thread=maybeDeferred, reactor=reactor
            ),
            events=self.events,
        )
        listeners: Any = None
        return MetricsListener(cast(IReactor, reactor), head, listeners)

    def settings(self, endpoint: str) -> Settings:
        metrics = Metrics(endpoint=endpoint) if endpoint else None
        return Settings(version=1, hostname="mx.example.com", data="/data", metrics=metrics)

    def reload(self, endpoint: str) -> None:
        with self.listener.opened(self.settings(endpoint)):
            pass

    async def connect(self, port: int) -> _Peer:
        creator = ClientCreator(reactor, _Peer)
        return cast(_Peer, await creator.connectTCP("127.0.0.1", port))

    async def answers(self, port: int) -> bytes:
        """Return what a page that is not there says; nothing where none listens."""
        try:
            peer = await self.connect(port)
        except Exception:  # noqa: BLE001 - it is refused
            return b""
        assert peer.transport is not None
        peer.transport.write(b"GET / HTTP/1.0\r\n\r\n")
        return await peer.done

    async def test_it_is_off_without_the_section(self) -> None:
        self.listener.start(self.settings(""))
        self.assertEqual("", self.listener.address)

    async def test_a_reload_opens_moves_and_closes_it(self) -> None:
        one, two = free_port("127.0.0.1"), free_port("127.0.0.1")
        self.listener.start(self.settings(""))
        self.reload(f"tcp:{one}:interface=127.0.0.1")
        self.assertEqual(f"127.0.0.1:{one}", self.listener.address)
        self.assertIn(b"404", await self.answers(one))
        self.reload(f"tcp:{one}:interface=127.0.0.1")
        self.assertIn(b"404", await self.answers(one))
        self.reload(f"tcp:{two}:interface=127.0.0.1")
        self.assertIn(b"404", await self.answers(two))
        await deferLater(reactor, 0)
        self.assertEqual(b"", await self.answers(one))
        self.reload("")
        await deferLater(reactor, 0)
        self.assertEqual(b"", await self.answers(two))
        self.assertEqual("", self.listener.address)

    async def test_a_reload_that_fails_leaves_it_as_it_was(self) -> None:
        one, two = free_port("127.0.0.1"), free_port("127.0.0.1")
        self.listener.start(self.settings(f"tcp:{one}:interface=127.0.0.1"))
        moved = self.settings(f"tcp:{two}:interface=127.0.0.1")
        with contextlib.suppress(ZeroDivisionError), self.listener.opened(moved):
            raise ZeroDivisionError
        await deferLater(reactor, 0)
        self.assertEqual(b"", await self.answers(two))
        self.assertIn(b"404", await self.answers(one))

    async def test_a_port_that_is_taken(self) -> None:
        one = free_port("127.0.0.1")
        self.listener.start(self.settings(f"tcp:{one}:interface=127.0.0.1"))
        other = self.make()
        with self.assertRaises(CannotListenError):
            other.start(self.settings(f"tcp:{one}:interface=127.0.0.1"))
        with self.assertRaises(CannotListenError) as caught:
            self.reload(f"tcp:{one}")
        self.assertIn("this host listens there itself", str(caught.exception))
        self.assertIn(b"404", await self.answers(one))

    async def test_few_connections_at_a_time(self) -> None:
        one = free_port("127.0.0.1")
        self.listener.start(self.settings(f"tcp:{one}:interface=127.0.0.1"))
        peers = [await self.connect(one) for _ in range(BOUNDS.per_client + 1)]
        self.assertEqual(b"", await peers[-1].done)
        self.assertIn("refused connection", self.events.lines[-1])


class _Peer(Protocol):
    def __init__(self) -> None:
        self.read = b""
        self.done: Deferred[bytes] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.read += data

    def connectionLost(self, reason: object = None) -> None:
        self.done.callback(self.read)
