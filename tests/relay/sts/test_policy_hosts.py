"""Policies fetched over real TLS on loopback, from a policy host of an authority of the tests."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import SSL4ServerEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import TestCase

from mailhost.interfaces.tls_sessions import TLSFailure
from mailhost.mta_sts.policy import Mode, STSPolicy
from mailhost.net.https_fetch import Fetched
from mailhost.net.tls.certificate import PEM
from mailhost.net.tls.peer import PeerTLS
from mailhost.net.tls.server import ServerTLS
from mailhost.relay.sts.policy_hosts import MOST_FETCHES, PolicyHosts, PolicyUnavailable
from tests.authority import Authority
from tests.relay.fake_resolver import FakeResolver

POLICY = "version: STSv1\nmode: enforce\nmx: mx.example.org\nmax_age: 86400\n"
GOOD = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n{POLICY}"


class PolicyServer(Protocol):
    """Sends one reply to any request."""

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(cast("Any", self.factory).reply.encode())
        self.transport.loseConnection()


class FetchingPolicies(TestCase):
    async def fetch(self, pem: PEM, reply: str = GOOD, loopback: bool = True) -> STSPolicy:
        """Fetch the policy of example.org, whose policy host shows this certificate."""
        factory = Factory.forProtocol(PolicyServer)
        factory.noisy = False
        factory.reply = reply  # type: ignore[attr-defined]
        tls = cast("Any", ServerTLS([pem])).factory()
        endpoint = SSL4ServerEndpoint(cast("Any", reactor), 0, tls, interface="127.0.0.1")
        port = await endpoint.listen(factory)
        self.addCleanup(port.stopListening)
        resolver = FakeResolver(addresses={"mta-sts.example.org": ["127.0.0.1"]})
        hosts = PolicyHosts(cast("Any", reactor), resolver)
        peers = PeerTLS(self.authority.trust_root)
        hosts.reconfigure(port.getHost().port, peers, loopback)
        return await hosts.fetch("example.org")

    def setUp(self) -> None:
        self.authority = Authority.new()
        self.good = self.authority.issue("mta-sts.example.org")

    async def assert_fails(self, kind: TLSFailure, text: str, *arguments: Any) -> None:
        failing = Deferred.fromCoroutine(self.fetch(*arguments))
        failed: Any = await self.assertFailure(failing, PolicyUnavailable)
        self.assertEqual(kind, failed.kind)
        self.assertIn(text, str(failed))

    async def test_a_right_one(self) -> None:
        policy = await self.fetch(self.good)
        self.assertEqual(STSPolicy(Mode.ENFORCE, 86400, ("mx.example.org",)), policy)

    async def test_certificates(self) -> None:
        for pem, text in (
            (self.authority.issue("example.org"), "is not for mta-sts.example.org"),
            (self.authority.issue("mta-sts.example.org", begins=-9, ends=-1), "has expired"),
            (Authority.new("Stranger").issue("mta-sts.example.org"), "unknown authority"),
        ):
            await self.assert_fails(TLSFailure.STS_WEBPKI, text, pem)

    async def test_replies_that_are_no_policy(self) -> None:
        for reply, text in (
            (GOOD.replace("200 OK", "404 Not Found"), "answers 404"),
            (GOOD.replace("200 OK", "301 Moved"), "redirects are not followed"),
            (GOOD.replace("text/plain", "text/html"), "media type is text/html"),
            (GOOD.replace("STSv1", "STSv2"), "version: STSv1"),
        ):
            await self.assert_fails(TLSFailure.STS_INVALID, text, self.good, reply)

    async def test_a_policy_that_is_too_large(self) -> None:
        reply = GOOD + "x: y\n" * 20_000
        await self.assert_fails(TLSFailure.STS_FETCH, "more than 65536", self.good, reply)

    def test_many_domains_at_once(self) -> None:
        """A flood of them opens few connections; the others wait for their turn."""
        fetched: list[Deferred[Fetched]] = []

        class SlowFetcher:
            def fetch(self, url: str) -> Deferred[Fetched]:
                fetched.append(Deferred())
                return fetched[-1]

        hosts = PolicyHosts(cast("Any", reactor), FakeResolver())
        hosts._fetcher = cast("Any", SlowFetcher())
        work = [
            Deferred.fromCoroutine(hosts.fetch(f"d{number}.example.org"))
            for number in range(3 * MOST_FETCHES)
        ]
        self.assertEqual(MOST_FETCHES, len(fetched))
        for each in fetched:  # grows meanwhile
            each.callback(Fetched(200, "text/plain", POLICY.encode()))
        self.assertEqual([Mode.ENFORCE] * len(work), [self.successResultOf(w).mode for w in work])

    async def test_loopback_is_for_tests(self) -> None:
        text = "no public server"
        await self.assert_fails(TLSFailure.STS_FETCH, text, self.good, GOOD, False)
