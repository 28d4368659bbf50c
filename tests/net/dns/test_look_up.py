"""Questions of any type: their records, whether they are secure, and how they fail."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.protocol import DatagramProtocol
from twisted.names import dns
from twisted.trial.unittest import SynchronousTestCase

from mailhost.interfaces.dns import (
    CAARecord,
    Found,
    MXRecord,
    Question,
    TLSARecord,
    caa_of,
    ipv4_of,
    ipv6_of,
    mx_of,
    ptr_of,
    tlsa_of,
    txt_of,
)
from mailhost.net.dns import client
from mailhost.net.dns.client import DNSClient
from mailhost.net.dns.records import can_be_asked
from tests.dns_server import DNSServer, Records
from tests.net.dns.test_resolver import ResolverCase, reactor, run

RECORDS: Records = {
    "a.example": [
        ["MX", 10, "mx.a.example"],
        ["TXT", "v=spf1 ", "-all"],
        ["TXT", "\xff\0"],
        ["A", "192.0.2.1"],
        ["AAAA", "2001:db8::1"],
    ],
    "1.2.0.192.in-addr.arpa": [["PTR", "MX.a.example."], ["PTR", "a b.example"]],
    "_25._tcp.mx.a.example": [["TLSA", 3, 1, 1, "ab" * 32]],
    "short.a.example": [["TLSA", 3, 1, 1, ""], ["CAA", 0, "", "a"]],
    "caa.a.example": [["CAA", 128, "Issue", "ca.example; a=b"]],
    "s._domainkey.a.example": [["CNAME", "s._domainkey.host.example"]],
    "s._domainkey.host.example": [["TXT", "p="]],
    "odd.example": [["MX", 10, "a b.example"]],
    "broken.example": [["SERVFAIL"]],
    "many.example": [["TXT", f"{number:0200}"] for number in range(100)],
}


class CanonicalNames(ResolverCase):
    async def test_the_name_that_aliases_lead_to(self) -> None:
        self.server.records = {
            "one.example": [["CNAME", "two.example"]],
            "two.example": [["CNAME", "three.example"]],
            "three.example": [["A", "192.0.2.1"]],
        }
        for name, canonical in (("one.example", "three.example"), ("three.example", "")):
            for question in (ipv4_of(name), ipv6_of(name)):
                reply = await self.resolver.look_up(question)
                self.assertEqual(canonical, reply.canonical)


class LookUps(ResolverCase):
    def setUp(self) -> None:
        super().setUp()
        self.server.records = dict(RECORDS)

    async def records(self, question: Question[Any]) -> list[Any]:
        reply = await self.resolver.look_up(cast("Question[str]", question))
        return sorted(reply.records) if reply.found is Found.RECORDS else [reply.found]

    @run
    async def test_records_of_each_type(self) -> None:
        for question, wanted in (
            (ipv4_of("a.example"), ["192.0.2.1"]),
            (ipv6_of("A.Example."), ["2001:db8::1"]),
            (mx_of("a.example"), [MXRecord(10, "mx.a.example")]),
            (txt_of("a.example"), [b"v=spf1 -all", b"\xff\0"]),
            (ptr_of("1.2.0.192.in-addr.arpa"), ["mx.a.example"]),
            (tlsa_of("_25._tcp.mx.a.example"), [TLSARecord(3, 1, 1, b"\xab" * 32)]),
            (tlsa_of("short.a.example"), [Found.NO_RECORDS]),
            (caa_of("caa.a.example"), [CAARecord(128, "issue", "ca.example; a=b")]),
            (caa_of("short.a.example"), [Found.NO_RECORDS]),
            (txt_of("s._domainkey.a.example"), [b"p="]),
        ):
            self.assertEqual(await self.records(question), wanted)

    @run
    async def test_temporary_and_permanent_failures(self) -> None:
        for question, found in (
            (txt_of("missing.example"), Found.NO_DOMAIN),
            (ptr_of("a.example"), Found.NO_RECORDS),
            (mx_of("odd.example"), Found.NO_RECORDS),
            (txt_of("broken.example"), Found.FAILED),
        ):
            reply = await self.resolver.look_up(cast("Question[str]", question))
            self.assertEqual((reply.found, reply.records), (found, ()))
            unusable = question.name == "odd.example"
            self.assertEqual(bool(reply.trouble), found is Found.FAILED or unusable)

    @run
    async def test_names_that_no_question_can_carry_do_not_exist(self) -> None:
        for name in ("", ".", "a..b", "a" * 64 + ".b", "a." * 127 + "a", "ä.example", "a b"):
            reply = await self.resolver.look_up(txt_of(name))
            self.assertEqual(Found.NO_DOMAIN, reply.found, name)
        self.assertEqual([], self.server.asked)
        self.assertTrue(can_be_asked("a" * 63 + "._b.example."))

    @run
    async def test_all_txt_records_are_kept_and_large_answers_not_remembered(self) -> None:
        for _ in range(2):
            reply = await self.resolver.look_up(txt_of("many.example"))
            self.assertEqual(100, len(reply.records))
        self.assertEqual(4, len(self.server.asked), "over UDP and TCP, twice")

    @run
    async def test_answers_are_secure_where_the_server_here_validates(self) -> None:
        self.assertFalse((await self.resolver.look_up(txt_of("a.example"))).secure)
        server = DNSServer(RECORDS, authenticates=True)
        self.addCleanup(lambda: Deferred.fromCoroutine(server.stop()))
        resolver = self.make(f"127.0.0.1:{server.start(reactor)}")
        for name in ("a.example", "s._domainkey.a.example", "many.example"):
            for _ in range(2):
                self.assertTrue((await resolver.look_up(txt_of(name))).secure, name)
        self.assertTrue((await resolver.look_up(ptr_of("a.example"))).secure, "none, securely")
        self.assertFalse((await resolver.look_up(ptr_of("missing.example"))).secure)

    @run
    async def test_a_server_without_edns(self) -> None:
        for plain, asked in ((Refusing(), 2), (Dropping(), 3)):
            port = reactor.listenUDP(0, plain, interface="127.0.0.1")
            self.addCleanup(port.stopListening)
            resolver = self.make(f"127.0.0.1:{port.getHost().port}", timeout=1)
            reply = await resolver.look_up(txt_of("a.example"))
            self.assertEqual(Found.NO_RECORDS, reply.found)
            self.assertEqual(asked, plain.asked)


class Refusing(DatagramProtocol):
    """Answers FORMERR to a question with EDNS0, and to others without records."""

    noisy = False
    asked = 0
    refusal = b"\x81\x81"

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self.asked += 1
        assert self.transport is not None
        plain = datagram[10:12] == b"\0\0"
        flags = b"\x81\x80" if plain else self.refusal
        if flags:
            name = datagram[12 : datagram.index(b"\0", 12) + 5]
            counts = b"\0\1" + b"\0" * 6
            self.transport.write(datagram[:2] + flags + counts + name, addr)


class Dropping(Refusing):
    """Drops questions with EDNS0."""

    refusal = b""


class Believed(SynchronousTestCase):
    def test_only_a_server_on_this_machine_is_believed(self) -> None:
        async def answered(*_: Any) -> Any:
            return dns.Message(answer=1, authenticData=1)

        self.patch(client, "ask_over_udp", answered)
        query = dns.Query(b"a.example", dns.A, dns.IN)
        for server, believed in (("127.0.0.1", True), ("::1", True), ("192.0.2.53", False)):
            asking = DNSClient(reactor, partial(list, [(server, 53)]), 1).ask(query)
            response = self.successResultOf(Deferred.fromCoroutine(asking))
            self.assertEqual(believed, response.secure, server)
