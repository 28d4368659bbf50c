"""Blocklists and allowlists in the DNS."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.filters.block import DNSList
from mailhost.interfaces.dns import ResolveFailed
from mailhost.interfaces.filters import FilterFailed
from mailhost.interfaces.verdict import PASS, Decision, Mail, Verdict
from mailhost.reception.filters.block.dnslist import LOG_INTERVAL, DNSListFilter
from tests.fakes import RecordingEvents, address, envelope, now
from tests.reception.filters.fake_dns import DNS
from tests.reception.filters.mails import CLIENT, RCPT


class DNSListTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.events = RecordingEvents()
        self.dns = DNS()

    def make(self, *zones: str, **settings: Any) -> DNSListFilter:
        settings = {"kind": "dnslist", "zones": zones or ("bl.example",), **settings}
        return DNSListFilter(DNSList(**settings), self.dns, self.clock, self.events)

    def look(self, *zones: str, mail: Mail = RCPT, **settings: Any) -> Verdict:
        found: Verdict = now(self.make(*zones, **settings).look(mail))
        return found

    def test_a_hit(self) -> None:
        self.dns = DNS(**{"7.2.0.192.bl.example": ["127.0.0.2"]})
        verdict = self.look()
        self.assertEqual(str(verdict.status), "550 5.7.1 192.0.2.7 is listed by bl.example")
        self.assertEqual(verdict.reason, "192.0.2.7 is listed by bl.example (127.0.0.2)")

    def test_answers_that_do_not_count(self) -> None:
        self.assertIs(self.look(), PASS)
        self.dns = DNS(
            **{"7.2.0.192.bl.example": ["203.0.113.9"]}
        )  # the answer of a domain that is for sale
        self.assertIs(self.look(), PASS)
        self.assertIs(self.look(answers=["127.0.0.4/32"]), PASS)

    def test_only_the_answers_that_count(self) -> None:
        self.dns = DNS(**{"7.2.0.192.bl.example": ["127.0.0.2", "127.0.0.10"]})
        self.assertIs(self.look(answers=["127.0.0.4"]), PASS)
        self.assertIsNot(self.look(answers=["127.0.0.10"]), PASS)

    def test_queried_names(self) -> None:
        client = replace(CLIENT, ip="2001:db8::1")
        self.look(mail=replace(RCPT, client=client))
        digits = "1.0.0.0." + "0.0.0.0." * 5 + "8.b.d.0.1.0.0.2"
        self.assertEqual(self.dns.asked.pop(), f"{digits}.bl.example")
        self.look(look_at="hello")
        self.assertEqual(self.dns.asked.pop(), "far.example.bl.example")
        self.look(look_at="sender")
        self.assertEqual(self.dns.asked.pop(), "far.example.bl.example")

    def test_no_query_for_trusted_networks(self) -> None:
        settings = DNSList(kind="dnslist", zones=("bl.example",))
        for network, asked in (("192.0.2.0/24", 0), ("2001:db8::/32", 1)):
            trusted = [ip_network(network)]
            now(DNSListFilter(settings, self.dns, self.clock, self.events, trusted).look(RCPT))
            self.assertEqual(len(self.dns.asked), asked)

    def test_no_query_for_local_clients_logins_and_invalid_names(self) -> None:
        account = replace(CLIENT, account=address("ann@a.example"))
        for mail, look_at in (
            (replace(RCPT, client=account), "client"),
            (replace(RCPT, client=replace(CLIENT, ip="127.0.0.1")), "client"),
            (replace(RCPT, client=replace(CLIENT, ip="")), "client"),
            (replace(RCPT, client=replace(CLIENT, hello="not a name!")), "hello"),
            (replace(RCPT, envelope=envelope(sender="")), "sender"),
        ):
            self.assertIs(self.look(mail=mail, look_at=look_at), PASS)
        self.assertEqual(self.dns.asked, [])

    def test_a_list_that_refuses_queries(self) -> None:
        self.dns = DNS(**{"7.2.0.192.bl.example": ["127.255.255.254"]})
        filter = self.make()
        for _ in range(3):
            self.assertIs(now(filter.look(RCPT)), PASS)
        [line] = self.events.lines
        self.assertIn("list bl.example: could not tell: ", line)
        self.clock.advance(LOG_INTERVAL)
        now(filter.look(RCPT))
        self.assertEqual(len(self.events.lines), 2)

    def test_one_of_two_lists_does_not_answer(self) -> None:
        self.dns = DNS(
            **{
                "7.2.0.192.one.example": ResolveFailed("one is silent"),
                "7.2.0.192.two.example": ["127.0.0.2"],
            }
        )
        self.assertIs(self.look("one.example", "two.example").decision, Decision.REJECT)
        self.assertIs(self.look("one.example", "three.example"), PASS)

    def test_no_list_answers(self) -> None:
        self.dns = DNS(**{"7.2.0.192.bl.example": ResolveFailed("no answer")})
        looking = self.make().look(RCPT)
        assert isinstance(looking, Awaitable)
        failure = self.failureResultOf(Deferred.fromCoroutine(_awaited(looking)), FilterFailed)
        self.assertEqual(str(failure.value), "no answer")

    def test_all_lists_are_queried_at_once(self) -> None:
        self.dns = DNS(**{f"7.2.0.192.{name}.example": Deferred() for name in ("one", "two")})
        looking = self.make("one.example", "two.example").look(RCPT)
        assert isinstance(looking, Awaitable)
        self.assertNoResult(Deferred.fromCoroutine(_awaited(looking)))
        self.assertEqual(len(self.dns.asked), 2)

    def test_an_allowlist_tags(self) -> None:
        self.dns = DNS(**{"7.2.0.192.wl.example": ["127.0.3.1"]})
        verdict = self.look("wl.example", action="tag", tag="known")
        self.assertEqual((verdict.decision, verdict.tag), (Decision.TAG, "known"))


async def _awaited(answer: Awaitable[Verdict]) -> Verdict:
    return await answer
