"""The pages, over the web listener's server with a string in place of the network."""

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

from mailhost.application.metrics_pages import MetricsPages
from mailhost.concurrency.pauses import no_pause
from mailhost.observe.metrics.snapshot import Snapshot
from mailhost.web.forwarded import TrustedProxies
from mailhost.web.site import Site
from tests.observe.metrics.pages import values_on

PEER = IPv4Address("TCP", "127.0.0.1", 4711)


class PagesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.asked = 0
        self.snapshot: Callable[[], Awaitable[Snapshot]] = lambda: succeed(Snapshot(now=1.0))
        self.reasons: list[str] = []
        pages = MetricsPages(self.make, self.find_reasons, no_pause)
        self.site = Site(pages.answer, TrustedProxies(()), Clock(), lambda: 0.0)

    async def make(self) -> Snapshot:
        self.asked += 1
        return await self.snapshot()

    async def find_reasons(self) -> Sequence[str]:
        return self.reasons

    def begin(self, request: str) -> tuple[Any, StringTransport]:
        """Send a request."""
        protocol: Any = self.site.buildProtocol(PEER)
        transport = StringTransport(peerAddress=PEER)
        protocol.makeConnection(transport)
        protocol.dataReceived(f"{request} HTTP/1.1\r\nHost: 127.0.0.1:9425\r\n\r\n".encode())
        return protocol, transport

    def ask(self, request: str) -> tuple[str, str]:
        """Return the header section and the body of the response."""
        _, transport = self.begin(request)
        head, _, rest = transport.value().decode().partition("\r\n\r\n")
        return head, rest

    def test_the_metrics(self) -> None:
        head, body = self.ask("GET /metrics")
        self.assertIn("HTTP/1.1 200 OK", head)
        self.assertIn("Content-Type: text/plain; version=0.0.4; charset=utf-8", head)
        self.assertIn(f"Content-Length: {len(body.encode())}", head)
        self.assertIn(("mailhost_workers_wanted", frozenset()), values_on(body))

    def test_the_health(self) -> None:
        head, body = self.ask("GET /healthz")
        self.assertIn("HTTP/1.1 200 OK", head)
        self.assertEqual("ok\n", body)
        self.reasons = ["the queue is still being read", "the disk is full"]
        head, body = self.ask("GET /healthz")
        self.assertIn("HTTP/1.1 503 ", head)
        self.assertEqual("the queue is still being read\nthe disk is full\n", body)

    def test_head_has_no_body(self) -> None:
        for path, code, length in (
            ("/metrics", 200, "[0-9]{4}"),
            ("/healthz", 200, 3),
            ("/x", 404, 49),
        ):
            head, body = self.ask(f"HEAD {path}")
            self.assertIn(f"HTTP/1.1 {code} ", head)
            self.assertRegex(head, rf"Content-Length: {length}")
            self.assertEqual("", body)

    def test_a_query_is_ignored(self) -> None:
        self.assertIn(" 200 ", self.ask("GET /healthz?verbose=1")[0])

    def test_other_paths_and_methods(self) -> None:
        for path in ("/", "/metrics/", "/metrics/x", "/x/metrics", "/METRICS"):
            self.assertIn("HTTP/1.1 404 ", self.ask(f"GET {path}")[0], path)
        for method in ("PUT", "DELETE", "OPTIONS", "FOO"):
            head, body = self.ask(f"{method} /metrics")
            self.assertIn("HTTP/1.1 405 ", head)
            self.assertIn("Allow: GET, HEAD", head)
            self.assertEqual("This page is for GET and HEAD.\n", body)
        self.assertEqual(0, self.asked)

    def test_requests_at_once_share_an_answer(self) -> None:
        answer: Deferred[Snapshot] = Deferred()
        self.snapshot = lambda: answer
        connections = [self.begin("GET /metrics") for _ in range(3)]
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

    def test_a_bug_is_logged_and_answered(self) -> None:
        def fail() -> Awaitable[Snapshot]:
            raise ZeroDivisionError("bug")

        self.snapshot = fail
        head, body = self.ask("GET /metrics")
        self.assertIn("HTTP/1.1 500 ", head)
        self.assertNotIn("bug", body)
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))
