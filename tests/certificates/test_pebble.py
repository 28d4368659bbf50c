"""Certificates from Pebble, by each kind of challenge."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.trial.unittest import TestCase
from twisted.web.resource import NoResource, Resource
from twisted.web.server import Site

from mailhost.certificates.answers import ChallengeAnswers
from mailhost.certificates.authority import Authority
from mailhost.certificates.order import Orders, Wanted
from mailhost.certificates.provers import HTTPProver, TLSProver
from mailhost.certificates.values import HTTP_01, TLS_ALPN_01, AccountWanted
from mailhost.concurrency.threads import own_threads
from mailhost.net.tls.server import ServerTLS
from mailhost.playground.dns_server import DNSServer
from tests.certificates.pebble import HOST, Pebble

REACTOR: Any = reactor


class _Token(Resource):
    isLeaf = True

    def __init__(self, body: bytes) -> None:
        super().__init__()
        self._body = body

    def render_GET(self, request: Any) -> bytes:
        return self._body


class _Responder(Resource):
    """Stands for the web listener."""

    def __init__(self, answers: ChallengeAnswers) -> None:
        super().__init__()
        self._answers = answers

    def getChild(self, path: bytes, request: Any) -> Resource:
        if path in (b".well-known", b"acme-challenge"):
            return self
        body = self._answers.key_authorization(path.decode())
        return NoResource() if body is None else _Token(body)


class PebbleCase(TestCase):
    timeout = 120

    async def prepare(self, **options: Any) -> None:
        self.dns = DNSServer({f"{label}.a.example": [["A", HOST]] for label in ("mx", "mail")})
        port = self.dns.start(reactor)
        self.addCleanup(lambda: Deferred.fromCoroutine(self.dns.stop()))
        self.pebble = Pebble(Path(self.mktemp()), port, **options)
        self.addCleanup(self.pebble.stop)
        self.answers = ChallengeAnswers()
        self.in_thread = own_threads(REACTOR)
        await self.pebble.ready()
        self.authority = Authority(
            AccountWanted(self.pebble.directory, ("ann@a.example",), self.pebble.ca_file)
        )

    def listen(self) -> None:
        site = Site(_Responder(self.answers))
        site.noisy = False
        port = REACTOR.listenTCP(self.pebble.http, site, interface=HOST)
        self.addCleanup(lambda: maybeDeferred(port.stopListening))

    def orders(self) -> Orders:
        provers = {
            HTTP_01: HTTPProver(self.answers),
            TLS_ALPN_01: TLSProver(self.answers, self.in_thread),
        }
        return Orders(REACTOR, self.in_thread, provers)


class ObtainTests(PebbleCase):
    async def test_http(self) -> None:
        await self.prepare()
        self.listen()
        await self.in_thread(lambda: self.authority.open(None))
        names = ("mx.a.example", "mail.a.example")
        found = await self.orders().obtain(self.authority, Wanted(names))
        self.assertEqual((names, ()), (found.names, found.failures))
        assert found.pem is not None
        tls = ServerTLS([found.pem])
        self.assertEqual(set(names), set(tls.certificates[0].names))
