"""The resolver against a DNS server on loopback: records, failures, silence, nonsense."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Coroutine
from typing import Any, cast

from twisted.internet import reactor as running_reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.protocol import DatagramProtocol
from twisted.trial.unittest import TestCase

from mailhost.config.model import DNS
from mailhost.interfaces.counts import LOOK_UPS
from mailhost.interfaces.dns import MXRecord, NoPossibleHost, NoSuchDomain, ResolveFailed
from mailhost.net.dns.resolver import Resolver
from mailhost.observe.counts import Counts
from tests.dns_server import DNSServer, Records

reactor: Any = running_reactor
RECORDS: Records = {
    "a.example": [["MX", 10, "mx1.a.example"], ["MX", 20, "mx2.a.example"]],
    "mx1.a.example": [["A", "192.0.2.1"], ["AAAA", "2001:db8::1"]],
    "mx2.a.example": [["A", "192.0.2.2"]],
    "six.example": [["AAAA", "2001:db8::6"]],
    "empty.example": [["AAAA", "2001:db8::7"]],
    "null.example": [["MX", 0, "."]],
    "alias.example": [["CNAME", "a.example"]],
    "alias.host.example": [["CNAME", "mx1.a.example"]],
    "loop1.example": [["CNAME", "loop2.example"]],
    "loop2.example": [["CNAME", "loop1.example"]],
    "self.example": [["CNAME", "self.example"]],
    "dangling.example": [["CNAME", "nowhere.example"]],
    "broken.example": [["SERVFAIL"]],
    "silent.example": [["SILENT"]],
    "many.example": [["A", f"192.0.2.{number}"] for number in range(1, 61)],
    "huge.example": [["MX", number, f"mx{number}.example"] for number in range(200, 0, -1)],
    "odd.example": [["MX", 10, "mx with spaces.example"], ["MX", 20, "mx.example"]],
    "odder.example": [["MX", 10, "a\nb.example"]],
    **{f"c{n}.example": [["CNAME", f"c{n + 1}.example"]] for n in range(1, 20)},
}


def run(test: Callable[[Any], Coroutine[Any, Any, None]]) -> Callable[[Any], Deferred[None]]:
    """Let trial run a coroutine."""

    def wrapper(self: Any) -> Deferred[None]:
        return Deferred.fromCoroutine(test(self))

    return wrapper


class ResolverCase(TestCase):
    def setUp(self) -> None:
        self.server = DNSServer(RECORDS)
        self.addCleanup(lambda: Deferred.fromCoroutine(self.server.stop()))
        self.port = self.server.start(reactor)
        self.resolver = self.make()

    def make(self, *servers: str, timeout: float = 5.0) -> Resolver:
        named = servers or (f"127.0.0.1:{self.port}",)
        return Resolver(reactor, DNS(servers=named, timeout=timeout))

    async def fails(self, kind: type[Exception], asked: Any) -> str:
        """The raised exception as text."""
        with self.assertRaises(kind) as caught:
            await asked
        return str(caught.exception)


class Counted(ResolverCase):
    @run
    async def test_the_results_of_questions_that_the_cache_has_no_answer_to(self) -> None:
        counts = Counts()
        settings = DNS(servers=(f"127.0.0.1:{self.port}",))
        resolver = Resolver(reactor, settings, counts=counts)
        for name in ("a.example", "a.example", "nowhere.example", "six.example", "broken.example"):
            with contextlib.suppress(NoSuchDomain, ResolveFailed):
                await resolver.mx(name)
        found = {key.result: number for key, number in counts.events.items()}
        self.assertEqual({"found": 1, "not found": 2, "failed": 1}, found)
        self.assertEqual({LOOK_UPS}, {key.event for key in counts.events})


class Records_(ResolverCase):
    @run
    async def test_mx_records_come_with_their_preferences(self) -> None:
        found = await self.resolver.mx("a.example")
        wanted = [MXRecord(10, "mx1.a.example"), MXRecord(20, "mx2.a.example")]
        self.assertEqual(wanted, sorted(found, key=lambda record: record.preference))

    @run
    async def test_addresses_of_both_families(self) -> None:
        self.assertEqual(
            {"192.0.2.1", "2001:db8::1"}, set(await self.resolver.addresses("mx1.a.example"))
        )
        self.assertEqual(["192.0.2.2"], await self.resolver.addresses("mx2.a.example"))
        self.assertEqual(["2001:db8::6"], await self.resolver.addresses("six.example"))

    @run
    async def test_a_null_mx_has_an_empty_host(self) -> None:
        self.assertEqual([MXRecord(0, "")], await self.resolver.mx("null.example"))

    @run
    async def test_a_name_without_such_records_is_empty(self) -> None:
        self.assertEqual([], await self.resolver.mx("empty.example"))
        self.assertEqual([], await self.resolver.addresses("a.example"))

    @run
    async def test_a_missing_name_raises(self) -> None:
        await self.fails(NoSuchDomain, self.resolver.mx("missing.example"))
        await self.fails(NoSuchDomain, self.resolver.addresses("missing.example"))

    @run
    async def test_cnames_are_followed(self) -> None:
        self.assertEqual(2, len(await self.resolver.mx("alias.example")))
        self.assertEqual(2, len(await self.resolver.addresses("alias.host.example")))

    @run
    async def test_cnames_without_end_fail(self) -> None:
        for name in ("loop1.example", "self.example", "c1.example"):
            text = await self.fails(ResolveFailed, self.resolver.mx(name))
            self.assertIn("CNAME", text)
        self.assertLess(len(self.server.asked), 40)

    @run
    async def test_a_cname_to_nowhere_is_no_such_domain(self) -> None:
        await self.fails(NoSuchDomain, self.resolver.mx("dangling.example"))

    @run
    async def test_literals_are_never_asked_for(self) -> None:
        self.assertEqual(["192.0.2.9"], await self.resolver.addresses("[192.0.2.9]"))
        self.assertEqual(["2001:db8::9"], await self.resolver.addresses("[IPv6:2001:db8::9]"))
        self.assertEqual([], await self.resolver.mx("[192.0.2.9]"))
        self.assertEqual([], self.server.asked)

    @run
    async def test_case_and_a_final_dot_in_answers_do_not_matter(self) -> None:
        self.server.records["upper.example"] = [["MX", 5, "MX1.A.Example."]]
        self.assertEqual([MXRecord(5, "mx1.a.example")], await self.resolver.mx("upper.example"))

    @run
    async def test_names_that_no_host_has_are_passed_over(self) -> None:
        self.assertEqual([MXRecord(20, "mx.example")], await self.resolver.mx("odd.example"))
        text = await self.fails(NoPossibleHost, self.resolver.mx("odder.example"))
        self.assertEqual(r"'a\nb.example' is no host name", text)

    @run
    async def test_an_answer_too_large_for_a_datagram_comes_over_tcp(self) -> None:
        self.assertEqual(60, len(await self.resolver.addresses("many.example")))
        self.assertEqual(3, len(self.server.asked), "AAAA, A, and A again")

    @run
    async def test_of_many_records_the_best_are_kept(self) -> None:
        found = await self.resolver.mx("huge.example")
        self.assertEqual(list(range(1, 65)), [record.preference for record in found])


class Trouble(ResolverCase):
    @run
    async def test_servfail(self) -> None:
        await self.fails(ResolveFailed, self.resolver.mx("broken.example"))
        await self.fails(ResolveFailed, self.resolver.addresses("broken.example"))

    @run
    async def test_silence_is_bounded(self) -> None:
        resolver = self.make(timeout=0.4)
        before = reactor.seconds()
        text = await self.fails(ResolveFailed, resolver.mx("silent.example"))
        self.assertIn("no answer", text)
        self.assertLess(reactor.seconds() - before, 2)
        self.assertEqual(3, len(self.server.asked), "a datagram may be lost")

    @run
    async def test_nobody_there(self) -> None:
        await self.server.stop()
        await self.fails(ResolveFailed, self.make(timeout=1).mx("a.example"))

    @run
    async def test_the_next_server_answers_for_one_that_is_silent_or_gone(self) -> None:
        silent = DNSServer({"a.example": [["SILENT"]]})
        self.addCleanup(lambda: Deferred.fromCoroutine(silent.stop()))
        port = silent.start(reactor)
        good = f"127.0.0.1:{self.port}"
        resolver = self.make(f"127.0.0.1:{port}", good, timeout=2)
        self.assertEqual(2, len(await resolver.mx("a.example")))
        await silent.stop()
        resolver = self.make(f"127.0.0.1:{port}", good, timeout=2)
        self.assertEqual(60, len(await resolver.addresses("many.example")))

    @run
    async def test_no_descriptors_left_is_a_failure_for_now(self) -> None:
        self.patch(
            __import__("mailhost.net.dns.question", fromlist=["socket"]).socket, "socket", _full
        )
        await self.fails(ResolveFailed, self.resolver.mx("a.example"))

    @run
    async def test_one_family_may_fail(self) -> None:
        answers = self.server.query

        def query(asked: Any, timeout: Any = None) -> Any:
            if asked.type == 28:  # AAAA
                self.server.records["mx1.a.example"] = [["SERVFAIL"]]
            else:
                self.server.records["mx1.a.example"] = RECORDS["mx1.a.example"]
            return answers(asked, timeout)

        self.patch(self.server, "query", query)
        self.assertEqual(["192.0.2.1"], await self.resolver.addresses("mx1.a.example"))

    @run
    async def test_nonsense_is_passed_over(self) -> None:
        nonsense = Nonsense()
        port = cast(Any, reactor).listenUDP(0, nonsense, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        resolver = self.make(f"127.0.0.1:{port.getHost().port}", timeout=0.5)
        await self.fails(ResolveFailed, resolver.mx("a.example"))
        self.assertEqual(3, nonsense.asked)


class Nonsense(DatagramProtocol):
    """Answers with junk, with the question itself, with the answer to another one."""

    noisy = False
    asked = 0

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self.asked += 1
        assert self.transport is not None
        other = bytes([datagram[0] ^ 1]) + datagram[1:2] + b"\x81\x83" + datagram[4:]
        question = datagram[:2] + b"\x81\x83" + datagram[4:].replace(b"\x01a", b"\x01b")
        loop = datagram[:2] + b"\x81\x80\0\1\0\1\0\0\0\0\xc0\x0c\0\x0f\0\1" + b"\xc0\x1c" * 9
        junk = (b"", b"\xff" * 700, datagram, datagram[:5], other, question, loop)
        for data in junk:
            self.transport.write(data, addr)


def _full(*_: object) -> None:
    raise OSError(24, "Too many open files")


class Cache(ResolverCase):
    @run
    async def test_an_answer_is_remembered(self) -> None:
        await self.resolver.mx("a.example")
        self.assertEqual(2, len(await self.resolver.mx("a.example")))
        self.assertEqual([("MX", "a.example")], self.server.asked)

    @run
    async def test_a_missing_name_is_remembered(self) -> None:
        await self.fails(NoSuchDomain, self.resolver.mx("missing.example"))
        await self.fails(NoSuchDomain, self.resolver.mx("missing.example"))
        self.assertEqual(1, len(self.server.asked))

    @run
    async def test_a_failure_is_remembered_until_other_servers_are_named(self) -> None:
        for _ in range(2):
            await self.fails(ResolveFailed, self.resolver.mx("broken.example"))
        self.server.records["broken.example"] = RECORDS["a.example"]
        await self.fails(ResolveFailed, self.resolver.mx("broken.example"))
        self.assertEqual(1, len(self.server.asked))
        self.resolver.reconfigure(DNS(servers=(f"127.0.0.1:{self.port}",), timeout=5.0))
        self.assertEqual(2, len(await self.resolver.mx("broken.example")))

    @run
    async def test_equal_questions_at_once_are_one(self) -> None:
        asked = [Deferred.fromCoroutine(self.resolver.mx("a.example")) for _ in range(20)]
        results = await gatherResults(asked)
        self.assertEqual({2}, set(map(len, results)))
        self.assertEqual(1, len(self.server.asked))

    @run
    async def test_other_servers_are_asked_anew(self) -> None:
        await self.resolver.mx("a.example")
        other = DNSServer({"a.example": [["MX", 1, "other.example"]]})
        self.addCleanup(lambda: Deferred.fromCoroutine(other.stop()))
        port = other.start(reactor)
        self.resolver.reconfigure(DNS(servers=(f"127.0.0.1:{port}",), timeout=5.0))
        self.assertEqual([MXRecord(1, "other.example")], await self.resolver.mx("a.example"))
