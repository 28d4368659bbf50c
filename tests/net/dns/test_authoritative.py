"""The servers of a zone, asked directly: a resolver at one address, servers at two others."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from mailhost.config.model import DNS
from mailhost.interfaces.dns import (
    AuthorityReply,
    Found,
    MXRecord,
    Question,
    SRVRecord,
    cname_of,
    mx_of,
    ns_of,
    srv_of,
    txt_of,
)
from mailhost.net.dns.authoritative import AuthoritativeServers
from mailhost.net.dns.resolver import Resolver
from tests.dns_server import DNSServer, Records
from tests.net.dns.test_resolver import reactor, run

SEEN: Records = {  # by the resolver
    "a.example": [["NS", "ns1.host.example"], ["NS", "ns2.host.example"]],
    "lame.example": [["NS", "ns3.host.example"]],
    "lost.example": [["NS", "ns9.host.example"]],
    "broken.example": [["SERVFAIL"]],
    "ns1.host.example": [["A", "127.0.0.2"]],
    "ns2.host.example": [["A", "127.0.0.3"]],
    "ns3.host.example": [["A", "127.0.0.4"]],
    "www.a.example": [["CNAME", "a.b.example"]],
    "k.b.example": [["TXT", "far"]],
}
HAD: Records = {  # by both servers
    "a.example": [["MX", 10, "mx.a.example"], ["TXT", "one"]],
    "_imaps._tcp.a.example": [["SRV", 0, 1, 993, "mx.a.example"], ["SRV", 0, 0, 0, "."]],
    "www.a.example": [["CNAME", "a.b.example"]],
    "k.a.example": [["CNAME", "k.b.example"]],
    "near.a.example": [["CNAME", "a.example"]],
}


class AuthoritativeTests(TestCase):
    def setUp(self) -> None:
        resolving = DNSServer(SEEN, authoritative=False)
        self.servers = [DNSServer(HAD), DNSServer(HAD), DNSServer(HAD, authoritative=False)]
        port = self.started(resolving, "127.0.0.1")
        for number, server in enumerate(self.servers, 2):
            self.started(server, f"127.0.0.{number}", port)
        self.resolver = Resolver(reactor, DNS(servers=(f"127.0.0.1:{port}",), timeout=5.0))
        self.asking = AuthoritativeServers(reactor, self.resolver, 2.0, lambda: port)

    def started(self, server: DNSServer, address: str, port: int = 0) -> int:
        self.addCleanup(lambda: Deferred.fromCoroutine(server.stop()))
        return server.start(reactor, address, port)

    async def ask(self, question: Question[Any]) -> AuthorityReply[Any]:
        return await self.asking.ask_all(question)

    @run
    async def test_all_servers_of_the_zone_are_asked(self) -> None:
        found = await self.ask(mx_of("a.example"))
        self.assertEqual("a.example", found.zone)
        self.assertEqual(["ns1.host.example", "ns2.host.example"], list(found.replies))
        for reply in found.replies.values():
            self.assertEqual((MXRecord(10, "mx.a.example"),), reply.records)
        self.assertEqual([], self.servers[2].asked)

    @run
    async def test_a_name_below_is_in_the_zone_above(self) -> None:
        found = await self.ask(srv_of("_imaps._tcp.a.example"))
        self.assertEqual("a.example", found.zone)
        records = (SRVRecord(0, 1, 993, "mx.a.example"), SRVRecord(0, 0, 0, ""))
        self.assertEqual(records, found.replies["ns1.host.example"].records)
        nowhere = await self.ask(txt_of("_dmarc.a.example"))
        self.assertEqual(Found.NO_DOMAIN, nowhere.replies["ns1.host.example"].found)
        nothing = await self.ask(txt_of("_imaps._tcp.a.example"))
        self.assertEqual(Found.NO_RECORDS, nothing.replies["ns1.host.example"].found)

    @run
    async def test_servers_that_differ(self) -> None:
        self.servers[1].records = {**HAD, "a.example": [["TXT", "two"]]}
        found = await self.ask(txt_of("a.example"))
        self.assertEqual(
            {"ns1.host.example": (b"one",), "ns2.host.example": (b"two",)},
            {host: reply.records for host, reply in found.replies.items()},
        )

    @run
    async def test_cnames(self) -> None:
        alias = await self.ask(cname_of("www.a.example"))
        self.assertEqual(("a.b.example",), alias.replies["ns1.host.example"].records)
        near = await self.ask(txt_of("near.a.example"))
        self.assertEqual(Found.NO_RECORDS, near.replies["ns1.host.example"].found)
        far = await self.ask(txt_of("k.a.example"))
        self.assertEqual((b"far",), far.replies["ns2.host.example"].records)
        reply = await self.resolver.look_up(ns_of("www.a.example"))
        self.assertEqual(Found.NO_RECORDS, reply.found)

    @run
    async def test_failures(self) -> None:
        lame = await self.ask(txt_of("a.lame.example"))
        self.assertIn("lame delegation", lame.replies["ns3.host.example"].trouble)
        lost = await self.ask(txt_of("lost.example"))
        self.assertIn("its address is not found", lost.replies["ns9.host.example"].trouble)
        broken = await self.ask(txt_of("broken.example"))
        self.assertIn("the servers of broken.example cannot be found", broken.trouble)
        self.assertEqual("", broken.zone)
        self.servers[1].records = {**HAD, "a.example": [["SILENT"]]}
        self.asking = AuthoritativeServers(reactor, self.resolver, 0.3, self.asking._port)
        silent = await self.ask(txt_of("a.example"))
        self.assertEqual("no answer in time", silent.replies["ns2.host.example"].trouble)
        self.assertEqual((b"one",), silent.replies["ns1.host.example"].records)

    @run
    async def test_names_without_a_zone(self) -> None:
        self.assertIn("no zone", (await self.ask(txt_of("c.d.invalid"))).trouble)
        self.assertIn("no such name", (await self.ask(txt_of("a..b"))).trouble)
