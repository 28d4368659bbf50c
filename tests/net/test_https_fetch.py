"""Files over HTTPS, from a web server on loopback: the certificate, redirects, size and time."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor as running_reactor
from twisted.internet.defer import Deferred
from twisted.internet.ssl import Certificate, DefaultOpenSSLContextFactory
from twisted.internet.task import deferLater
from twisted.internet.testing import MemoryReactorClock
from twisted.protocols.policies import WrappingFactory
from twisted.trial.unittest import SynchronousTestCase, TestCase
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site
from twisted.web.static import Data
from twisted.web.util import Redirect

from mailhost.interfaces.dns import NoSuchDomain, ResolveFailed
from mailhost.net.https_fetch import Fetched, Fetcher, FetchFailed
from mailhost.net.tls.peer import PeerTLS
from mailhost.net.tls.selfsigned import make_self_signed
from tests.net.tls.handshakes import trusted
from tests.relay.fake_resolver import FakeResolver

reactor: Any = running_reactor
HOST = "mta-sts.example.com"
MOST = 1000


class Odd(Resource):
    """Says a media type that is no text."""

    isLeaf = True

    def render_GET(self, request: Any) -> bytes:
        request.responseHeaders.setRawHeaders(b"content-type", [b"text/pl\xff; charset=x"])
        return b"odd"


class Taking(Resource):
    """Takes what is posted."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[tuple[bytes, list[bytes]]] = []

    def render_POST(self, request: Any) -> bytes:
        kind = request.requestHeaders.getRawHeaders(b"content-type")
        self.taken.append((request.content.read(), kind))
        request.setResponseCode(201)
        return b"thanks"


class Stuck(Resource):
    """Begins a response, and goes on no more."""

    isLeaf = True

    def render_GET(self, request: Any) -> int:
        request.channel.transport.write(b"HTTP/1.1 200 OK\r\n")
        return NOT_DONE_YET

    render_POST = render_GET


class Endless(Resource):
    """Sends header fields without end."""

    isLeaf = True

    def render_GET(self, request: Any) -> int:
        request.channel.transport.write(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50_000)
        return NOT_DONE_YET


class FromServerTests(TestCase):
    """One server with a certificate for HOST."""

    def setUp(self) -> None:
        chain, key = make_self_signed(self.mktemp(), HOST)
        self.root = trusted(chain)
        files = Resource()
        files.putChild(b"small", Data(b"mode: none\n", "text/plain; charset=us-ascii"))
        files.putChild(b"large", Data(b"x" * (MOST + 1), "text/plain"))
        files.putChild(b"moved", Redirect(b"/small"))
        files.putChild(b"odd", Odd())
        self.taking = Taking()
        files.putChild(b"taking", self.taking)
        files.putChild(b"stuck", Stuck())
        files.putChild(b"endless", Endless())
        self.site = WrappingFactory(Site(files))
        self.site.noisy = False
        tls = DefaultOpenSSLContextFactory(key, chain)
        port = reactor.listenSSL(0, self.site, tls, interface="127.0.0.1")
        self.port = port.getHost().port
        self.addCleanup(lambda: Deferred.fromCoroutine(self.close(port)))

    async def close(self, port: Any) -> None:
        await port.stopListening()
        while self.site.protocols:
            await deferLater(reactor, 0.001)

    async def fetch(
        self, path: str, host: str = HOST, root: Certificate | None = None, seconds: float = 30.0
    ) -> Fetched:
        """Fetch a file from the server, which has all names."""
        fetcher = self.fetcher(host, root, seconds)
        return await fetcher.fetch(f"https://{host}:{self.port}/{path}")

    def fetcher(
        self, host: str = HOST, root: Certificate | None = None, seconds: float = 30.0
    ) -> Fetcher:
        """A fetcher for which the server has a name."""
        resolver = FakeResolver(addresses={host: ["127.0.0.1"]})
        peers = PeerTLS(root or self.root)
        return Fetcher(reactor, resolver, seconds, MOST, lambda address: True, peers)

    async def _fetch_all(self) -> None:
        small = await self.fetch("small")
        self.assertEqual(Fetched(200, "text/plain", b"mode: none\n"), small)
        self.assertEqual(302, (await self.fetch("moved")).status)
        self.assertEqual(404, (await self.fetch("none")).status)
        self.assertEqual("text/pl\ufffd", (await self.fetch("odd")).media_type)
        another = trusted(make_self_signed(self.mktemp(), HOST)[0])
        for path, host, root, words in (
            ("large", HOST, None, "the file has more than 1000 octets"),
            ("small", "other.example.com", None, "the certificate is not for other.example.com"),
            ("small", HOST, another, "the certificate is self-signed"),
        ):
            with self.assertRaises(FetchFailed) as caught:
                await self.fetch(path, host, root)
            self.assertEqual(words, str(caught.exception))
            self.assertTrue(caught.exception.certain)

    def test_each_reply(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._fetch_all())

    async def _post(self) -> None:
        url, body = f"https://{HOST}:{self.port}/", b"\x1f\x8b" + b"x" * 200_000
        reply = await self.fetcher().post(f"{url}taking", body, "application/tlsrpt+gzip")
        self.assertEqual((201, b"thanks"), (reply.status, reply.body))
        self.assertEqual([(body, [b"application/tlsrpt+gzip"])], self.taking.taken)
        self.assertEqual(405, (await self.fetcher().post(f"{url}small", body, "a/b")).status)
        with self.assertRaises(FetchFailed) as caught:
            await self.fetcher(seconds=0.3).post(f"{url}stuck", body, "a/b")
        self.assertFalse(caught.exception.certain)
        another = self.fetcher(root=trusted(make_self_signed(self.mktemp(), HOST)[0]))
        with self.assertRaises(FetchFailed):
            await another.post(f"{url}taking", body, "a/b")
        self.assertEqual(1, len(self.taking.taken))

    def test_a_post(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._post())

    async def _stuck(self) -> None:
        await self.fetch("small")
        with self.assertRaises(FetchFailed) as caught:
            await self.fetch("stuck", seconds=0.3)
        self.assertEqual("no reply within 0.3 s", str(caught.exception))
        self.assertFalse(caught.exception.certain)

    def test_a_response_without_end(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._stuck())

    async def _endless(self) -> None:
        await self.fetch("small")
        with self.assertRaises(FetchFailed) as caught:
            await self.fetch("endless", seconds=2.0)
        self.assertEqual("the server sent more than 67536 octets", str(caught.exception))
        self.assertTrue(caught.exception.certain)

    def test_a_header_without_end(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._endless())

    async def _refused(self) -> None:
        port = reactor.listenTCP(0, self.site, interface="127.0.0.1")
        self.port = port.getHost().port
        await port.stopListening()
        with self.assertRaises(FetchFailed) as caught:
            await self.fetch("small")
        self.assertTrue(caught.exception.certain)
        self.assertIn("127.0.0.1: ", str(caught.exception))

    def test_nothing_listens(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._refused())


class WithoutServerTests(SynchronousTestCase):
    """No connection is made."""

    def fails(self, resolver: FakeResolver, seconds: float = 0.0) -> FetchFailed:
        """Fetch from HOST; how it fails after some time."""
        memory: Any = MemoryReactorClock()
        fetching = Deferred.fromCoroutine(
            Fetcher(memory, resolver, 8.0, MOST).fetch(f"https://{HOST}/file")
        )
        memory.advance(seconds)
        error = self.failureResultOf(fetching).value
        assert isinstance(error, FetchFailed), error
        return error

    def test_names(self) -> None:
        for found, words, certain in (
            (NoSuchDomain(HOST), f"{HOST} does not exist", True),
            (ResolveFailed("SERVFAIL"), f"{HOST} cannot be looked up: SERVFAIL", False),
            ([], f"{HOST} has no address", True),
            (["127.0.0.1"], f"{HOST} leads to 127.0.0.1, where no public server can be", True),
        ):
            failed = self.fails(FakeResolver(addresses={HOST: found}))
            self.assertEqual((words, certain), (str(failed), failed.certain))

    def test_a_silent_server(self) -> None:
        failed = self.fails(FakeResolver(addresses={HOST: ["1.2.3.4"]}), 8.0)
        self.assertEqual(("no reply within 8 s", False), (str(failed), failed.certain))
