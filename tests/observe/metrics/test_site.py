"""The pages over HTTP, with a string in place of the network."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from mailhost.observe.metrics.channel import LIFETIME
from mailhost.observe.metrics.site import IDLE_TIMEOUT, MetricsSite
from mailhost.observe.metrics.snapshot import Snapshot
from tests.observe.metrics.pages import values_on

PEER = IPv4Address("TCP", "127.0.0.1", 4711)


class SiteTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.asked = 0
        self.snapshot: Callable[[], Awaitable[Snapshot]] = lambda: succeed(Snapshot(now=1.0))
        self.reasons: list[str] = []
        self.site = MetricsSite(self.clock, self.make, self.find_reasons)

    async def make(self) -> Snapshot:
        self.asked += 1
        return await self.snapshot()

    async def find_reasons(self) -> Sequence[str]:
        return self.reasons

    def connect(self) -> tuple[Any, StringTransport]:
        protocol: Any = self.site.buildProtocol(PEER)
        transport = StringTransport(peerAddress=PEER)
        protocol.makeConnection(transport)
        return protocol, transport

    def ask(self, request: str, headers: str = "", body: bytes = b"") -> tuple[str, str]:
        """Return the header section and the body of the response."""
        protocol, transport = self.connect()
        protocol.dataReceived(f"{request} HTTP/1.1\r\nHost: x\r\n{headers}\r\n".encode() + body)
        head, _, rest = transport.value().decode().partition("\r\n\r\n")
        return head, rest

    def test_the_metrics(self) -> None:
        head, body = self.ask("GET /metrics")
        self.assertIn("HTTP/1.1 200 OK", head)
        self.assertIn("content-type: text/plain; version=0.0.4; charset=utf-8", head.lower())
        self.assertIn(("mailhost_workers_wanted", frozenset()), values_on(body))
        self.assertIn(f"content-length: {len(body.encode())}", head.lower())
        self.assertNotIn("Twisted", head)

    def test_the_health(self) -> None:
        head, body = self.ask("GET /healthz")
        self.assertIn("HTTP/1.1 200 OK", head)
        self.assertEqual("ok\n", body)
        self.reasons = ["the queue is still being read", "the disk is full"]
        head, body = self.ask("GET /healthz")
        self.assertIn("HTTP/1.1 503 ", head)
        self.assertEqual("the queue is still being read\nthe disk is full\n", body)

    def test_head_has_no_body(self) -> None:
        for path, code in (("/metrics", 200), ("/healthz", 200), ("/nothing", 404)):
            head, body = self.ask(f"HEAD {path}")
            self.assertIn(f"HTTP/1.1 {code} ", head)
            self.assertIn("content-length: ", head.lower())
            self.assertNotIn("content-length: 0", head.lower())
            self.assertEqual("", body)

    def test_a_query_is_ignored(self) -> None:
        self.assertIn(" 200 ", self.ask("GET /healthz?verbose=1")[0])

    def test_other_paths(self) -> None:
        for path in ("/", "/metrics/", "/metrics/x", "/healthz/y", "/x/metrics", "/" * 4000, "*"):
            head, body = self.ask(f"GET {path}")
            self.assertRegex(head, "HTTP/1.1 40[045] ", path)
            self.assertNotIn("<", body)
        self.assertEqual(0, self.asked)

    def test_other_methods(self) -> None:
        for method in ("PUT", "DELETE", "OPTIONS", "FOO"):
            head, body = self.ask(f"{method} /metrics")
            self.assertIn("HTTP/1.1 405 ", head)
            self.assertIn("allow: GET, HEAD", head.replace("Allow", "allow"))
            self.assertEqual("This page is for GET and HEAD.\n", body)

    def test_no_content_is_taken(self) -> None:
        for headers in ("Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"):
            for body in (b"", b"12345", b"5\r\n12345\r\n0\r\n\r\nGET /metrics HTTP/1.1\r\n\r\n"):
                head, rest = self.ask("POST /metrics", headers, body)
                self.assertIn("HTTP/1.1 413 ", head)
                self.assertEqual("This page takes no content.\n", rest)
        self.assertEqual(0, self.asked)

    def test_long_headers_and_many_are_refused(self) -> None:
        for headers in ("X: " + "x" * 9000 + "\r\n", "X: x\r\n" * 60):
            protocol, transport = self.connect()
            protocol.dataReceived(f"GET /metrics HTTP/1.1\r\n{headers}\r\n".encode())
            self.assertIn(b"HTTP/1.1 400 ", transport.value())
            self.assertTrue(transport.disconnecting)

    def test_several_requests_on_one_connection(self) -> None:
        protocol, transport = self.connect()
        for number in (1, 2):
            protocol.dataReceived(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertEqual(number, transport.value().count(b"200 OK"))

    def test_requests_at_once_share_an_answer(self) -> None:
        answer: Deferred[Snapshot] = Deferred()
        self.snapshot = lambda: answer
        connections = [self.connect() for _ in range(3)]
        for protocol, _ in connections:
            protocol.dataReceived(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        gone = connections.pop()
        gone[0].connectionLost(Failure(ConnectionDone()))
        answer.callback(Snapshot(now=1.0))
        self.assertEqual(1, self.asked)
        self.assertEqual(b"", gone[1].value())
        for _, transport in connections:
            self.assertIn(b"mailhost_workers_wanted", transport.value())
        self.snapshot = lambda: succeed(Snapshot(now=1.0))
        self.ask("GET /metrics")
        self.assertEqual(2, self.asked)

    def test_a_client_that_goes_away_is_not_answered(self) -> None:
        answer: Deferred[Snapshot] = Deferred()
        self.snapshot = lambda: answer
        protocol, _ = self.connect()
        protocol.dataReceived(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        protocol.connectionLost(Failure(ConnectionDone()))
        answer.callback(Snapshot(now=1.0))
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_a_bug_is_logged_and_answered(self) -> None:
        def fail() -> Awaitable[Snapshot]:
            raise ZeroDivisionError("bug")

        self.snapshot = fail
        head, body = self.ask("GET /metrics")
        self.assertIn("HTTP/1.1 500 ", head)
        self.assertNotIn("bug", body)
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))

    def test_silent_and_old_connections_are_closed(self) -> None:
        _, transport = self.connect()
        self.clock.advance(IDLE_TIMEOUT)
        self.assertTrue(transport.disconnecting)
        protocol, transport = self.connect()
        for _ in range(int(LIFETIME / 60)):
            protocol.dataReceived(b"G")
            self.clock.advance(60)
        self.assertTrue(transport.disconnected)

    def test_nothing_runs_without_a_connection(self) -> None:
        self.site.doStart()
        self.assertEqual([], self.clock.getDelayedCalls())
        self.site.doStop()
