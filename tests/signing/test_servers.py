"""Each resolver and each authoritative server is asked for a key, past all caches of this host."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface.verify import verifyObject

from mailhost.config.model import DNS
from mailhost.interfaces.dns import Found, Reply
from mailhost.interfaces.signing import DomainKey, KeyState, Shown
from mailhost.net.dns.authoritative import AuthoritativeServers
from mailhost.net.dns.resolver import Resolver
from mailhost.signing.published import IServers, shown_by
from mailhost.signing.servers import Servers
from tests.dkim.messages import ED25519, RSA
from tests.dns_server import DNSServer, Records
from tests.net.dns.test_resolver import reactor

NAME = "s._domainkey.a.example"
DELEGATION: Records = {"a.example": [["NS", "ns.a.example"]], "ns.a.example": [["A", "127.0.0.2"]]}
OURS: Records = {NAME: [["TXT", RSA.record()]]}


class ServersTests(TestCase):
    def setUp(self) -> None:
        self.resolvers = [DNSServer(DELEGATION), DNSServer({})]
        self.zone = DNSServer(OURS)
        ports = [each.start(reactor) for each in self.resolvers]
        authority = self.zone.start(reactor, "127.0.0.2")
        for each in (*self.resolvers, self.zone):
            self.addCleanup(lambda server: Deferred.fromCoroutine(server.stop()), each)
        settings = DNS(servers=tuple(f"127.0.0.1:{port}" for port in ports), timeout=2.0)
        finding = Resolver(reactor, settings)
        asking = AuthoritativeServers(reactor, finding, 2.0, lambda: authority)
        self.servers = Servers(reactor, lambda: settings, asking)

    async def found(self) -> list[Found]:
        return [each.found for each in await self.servers.ask_all(NAME)]

    def test_all_are_asked_again_each_time(self) -> Deferred[None]:
        async def asked() -> None:
            verifyObject(IServers, self.servers)
            missing = Found.NO_DOMAIN
            self.assertEqual(await self.found(), [missing, missing, Found.RECORDS])
            for each in self.resolvers:
                each.records |= OURS
            self.assertEqual(await self.found(), [Found.RECORDS] * 3)
            self.resolvers[1].records[NAME] = [["SERVFAIL"]]
            self.assertEqual(await self.found(), [Found.RECORDS, Found.FAILED, Found.RECORDS])

        return Deferred.fromCoroutine(asked())


class ShownTests(SynchronousTestCase):
    """The state of a key by the replies of several servers."""

    def shown(self, *records: Sequence[str] | Found) -> Shown:
        key = DomainKey("a.example", "s", "rsa", RSA.record(), KeyState.COMING, 0)
        replies: list[Reply[Any]] = [
            Reply(each)
            if isinstance(each, Found)
            else Reply(Found.RECORDS, tuple(text.encode() for text in each))
            for each in records
        ]
        return shown_by(key, replies)

    def test_the_same_key_however_it_is_written(self) -> None:
        value = RSA.record().partition("p=")[2]
        for text in (
            RSA.record(),
            f"p={value}",
            f"v=DKIM1;k=rsa;t=y;p={value[:40]} {value[40:]};",
            f"v=DKIM1; h=sha256; k=RSA; n=a note; p={value}",
        ):
            self.assertEqual(self.shown([text]), Shown.YES, text)

    def test_another_key(self) -> None:
        for texts in (
            [ED25519.record()],
            ["v=DKIM1; k=rsa; p="],
            ["v=spf1 -all"],
            [RSA.record()[:-20]],
            [RSA.record(), RSA.record()],
            [RSA.record(), "v=spf1 -all"],
            ["\xff"],
        ):
            self.assertEqual(self.shown(texts), Shown.DIFFERENT, texts)

    def test_several_servers(self) -> None:
        yes = [RSA.record()]
        for replies, expected in (
            ((yes, yes), Shown.YES),
            ((yes, Found.NO_DOMAIN), Shown.MISSING),
            ((Found.NO_RECORDS, yes), Shown.MISSING),
            ((yes, Found.FAILED), Shown.YES),
            ((Found.FAILED, Found.FAILED), Shown.UNKNOWN),
            ((yes, Found.NO_DOMAIN, ["p="]), Shown.DIFFERENT),
            ((), Shown.UNKNOWN),
        ):
            self.assertEqual(self.shown(*replies), expected, replies)
