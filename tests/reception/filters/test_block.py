"""Filters that block by who: lists, DNS lists, rates; and by size."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mailhost.config.filters.block import CountBy, DNSList, List, Rate, Size
from mailhost.config.lists import BadEntry
from mailhost.interfaces.dns import IResolver, MXRecord, NoSuchDomain, ResolveFailed
from mailhost.interfaces.filters import FilterFailed
from mailhost.interfaces.verdict import PASS, Decision, Mail, Stage, Verdict
from mailhost.reception.filters.block.dnslist import LOG_INTERVAL, DNSListFilter
from mailhost.reception.filters.block.listed import ListFilter
from mailhost.reception.filters.block.rate import MOST_KEYS, RateFilter, Rates
from mailhost.reception.filters.block.size import SizeFilter
from mailhost.reception.filters.block.watched import CHECK_INTERVAL
from tests.fakes import RecordingEvents, address, envelope, now, path
from tests.queue.fakes import here
from tests.reception.filters.mails import CLIENT, message

RCPT = Mail(Stage.RECIPIENT, CLIENT, envelope(sender="sue@far.example"), path("ann@a.example"))


class ListTests(SynchronousTestCase):
    """Networks and names."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.events = RecordingEvents()

    def make(self, **settings: Any) -> ListFilter:
        return ListFilter(List(kind="list", **settings), self.clock, here, self.events)

    def test_each_part_of_a_mail_at_its_stage(self) -> None:
        for look_at, entry, stage in (
            ("client", "192.0.2.0/24", Stage.CONNECTED),
            ("hello", "*.example", Stage.HELLO),
            ("sender", "far.example", Stage.SENDER),
            ("recipient", "ann@a.example", Stage.RECIPIENT),
        ):
            filter = self.make(look_at=look_at, entries=(entry,))
            self.assertEqual(filter.stages, (stage,))
            verdict = filter.look(RCPT)
            self.assertEqual(str(verdict.status), f"550 5.7.1 Your {look_at} is refused")
            self.assertIn("is listed", verdict.reason)
            other = self.make(look_at=look_at, entries=("2001:db8::",))
            self.assertIs(other.look(RCPT), PASS)

    def test_actions(self) -> None:
        for action, decision, text in (
            ("reject", Decision.REJECT, "550 5.7.1 No"),
            ("defer", Decision.DEFER, "451 4.7.1 No"),
            ("discard", Decision.DISCARD, "None"),
            ("quarantine", Decision.QUARANTINE, "None"),
            ("tag", Decision.TAG, "None"),
        ):
            filter = self.make(entries=("192.0.2.7",), action=action, words="No", tag="t")
            verdict = filter.look(RCPT)
            self.assertIs(verdict.decision, decision)
            self.assertEqual(str(verdict.status), text)
            self.assertEqual(verdict.tag, "t" if action == "tag" else "")

    def test_the_empty_sender(self) -> None:
        filter = self.make(look_at="sender", entries=("<>",))
        bounce = replace(RCPT, envelope=envelope(sender=""))
        self.assertIs(filter.look(bounce).decision, Decision.REJECT)

    def test_a_file_is_read_again_when_it_changes(self) -> None:
        file = Path(self.mktemp())
        file.write_text("198.51.100.0/24\n")
        filter = self.make(entries=("203.0.113.1",), file=str(file))
        self.assertIs(filter.look(RCPT), PASS)
        file.write_text("192.0.2.7  # now him too\n")
        self.assertIs(filter.look(RCPT), PASS)  # it is not looked at all the time
        self.clock.advance(CHECK_INTERVAL)
        filter.look(RCPT)
        self.assertIs(filter.look(RCPT).decision, Decision.REJECT)
        self.assertEqual(len(self.events.lines), 1)

    def test_a_file_that_is_no_list_any_more_changes_nothing(self) -> None:
        file = Path(self.mktemp())
        file.write_text("192.0.2.7\n")
        filter = self.make(file=str(file))
        for fault in (lambda: file.write_text("nonsense\n"), file.unlink):
            fault()
            for _ in range(3):
                self.clock.advance(CHECK_INTERVAL)
                self.assertIs(filter.look(RCPT).decision, Decision.REJECT)
        self.assertEqual(len(self.events.lines), 2)
        self.assertIn("'nonsense' is no IP address", self.events.lines[0])
        file.write_text("198.51.100.1\n")
        self.clock.advance(CHECK_INTERVAL)
        filter.look(RCPT)
        self.assertIs(filter.look(RCPT), PASS)

    def test_faults_at_the_start_are_raised(self) -> None:
        self.assertRaises(OSError, self.make, file="/nowhere/list")
        self.assertRaises(BadEntry, self.make, entries=("nonsense",))


@implementer(IResolver)
class DNS:
    """Answers by name; an answer may be an exception or a Deferred."""

    def __init__(self, **answers: Any) -> None:
        self.answers = {name.replace("_", "."): answer for name, answer in answers.items()}
        self.asked: list[str] = []

    def ipv4(self, name: str) -> Awaitable[Sequence[str]]:
        self.asked.append(name)
        found = self.answers.get(name, NoSuchDomain(name))
        if isinstance(found, Deferred):
            return found
        return fail(found) if isinstance(found, Exception) else succeed(found)

    def addresses(self, host: str) -> Awaitable[Sequence[str]]:
        return fail(NoSuchDomain(host))  # no pool of hosts

    def mx(self, domain: str) -> Awaitable[Sequence[MXRecord]]:
        raise AssertionError("only A records are a list's")


class DNSListTests(SynchronousTestCase):
    """Blocklists and allowlists in the DNS."""

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

    def test_what_is_none(self) -> None:
        self.assertIs(self.look(), PASS)
        self.dns = DNS(**{"7.2.0.192.bl.example": ["203.0.113.9"]})  # a domain that is for sale
        self.assertIs(self.look(), PASS)
        self.assertIs(self.look(answers=["127.0.0.4/32"]), PASS)

    def test_only_the_answers_that_count(self) -> None:
        self.dns = DNS(**{"7.2.0.192.bl.example": ["127.0.0.2", "127.0.0.10"]})
        self.assertIs(self.look(answers=["127.0.0.4"]), PASS)
        self.assertIsNot(self.look(answers=["127.0.0.10"]), PASS)

    def test_what_is_asked_about(self) -> None:
        client = replace(CLIENT, ip="2001:db8::1")
        self.look(mail=replace(RCPT, client=client))
        digits = "1.0.0.0." + "0.0.0.0." * 5 + "8.b.d.0.1.0.0.2"
        self.assertEqual(self.dns.asked.pop(), f"{digits}.bl.example")
        self.look(look_at="hello")
        self.assertEqual(self.dns.asked.pop(), "far.example.bl.example")
        self.look(look_at="sender")
        self.assertEqual(self.dns.asked.pop(), "far.example.bl.example")

    def test_trusted_networks_are_not_asked_about(self) -> None:
        settings = DNSList(kind="dnslist", zones=("bl.example",))
        for network, asked in (("192.0.2.0/24", 0), ("2001:db8::/32", 1)):
            trusted = [ip_network(network)]
            now(DNSListFilter(settings, self.dns, self.clock, self.events, trusted).look(RCPT))
            self.assertEqual(len(self.dns.asked), asked)

    def test_who_is_not_asked_about(self) -> None:
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

    def test_a_list_that_refuses_us_could_not_tell(self) -> None:
        self.dns = DNS(**{"7.2.0.192.bl.example": ["127.255.255.254"]})
        filter = self.make()
        for _ in range(3):
            self.assertIs(now(filter.look(RCPT)), PASS)
        [line] = self.events.lines
        self.assertIn("list bl.example: could not tell: ", line)
        self.clock.advance(LOG_INTERVAL)
        now(filter.look(RCPT))
        self.assertEqual(len(self.events.lines), 2)

    def test_one_of_two_lists_is_silent(self) -> None:
        self.dns = DNS(
            **{
                "7.2.0.192.one.example": ResolveFailed("one is silent"),
                "7.2.0.192.two.example": ["127.0.0.2"],
            }
        )
        self.assertIs(self.look("one.example", "two.example").decision, Decision.REJECT)
        self.assertIs(self.look("one.example", "three.example"), PASS)

    def test_all_are_silent(self) -> None:
        self.dns = DNS(**{"7.2.0.192.bl.example": ResolveFailed("no answer")})
        looking = self.make().look(RCPT)
        assert isinstance(looking, Awaitable)
        failure = self.failureResultOf(Deferred.fromCoroutine(_awaited(looking)), FilterFailed)
        self.assertEqual(str(failure.value), "no answer")

    def test_all_are_asked_at_once(self) -> None:
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


class RateTests(SynchronousTestCase):
    """Leaky buckets."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.rates = Rates(self.clock)

    def test_a_burst_has_exactly_the_limit(self) -> None:
        for limit in (1, 3, 7, 10, 100):
            taken = [self.rates.take(str(limit), limit, 3600.0) for _ in range(limit + 5)]
            self.assertEqual(taken, [True] * limit + [False] * 5)

    def test_it_leaks(self) -> None:
        for _ in range(3):
            self.rates.take("a", 3, 60.0)
        self.clock.advance(19.9)
        self.assertFalse(self.rates.take("a", 3, 60.0))
        self.clock.advance(0.2)
        self.assertTrue(self.rates.take("a", 3, 60.0))
        self.assertFalse(self.rates.take("a", 3, 60.0))
        self.clock.advance(1000)
        self.assertEqual([self.rates.take("a", 3, 60.0) for _ in range(4)], [True] * 3 + [False])

    def test_keys_are_counted_apart_and_memory_is_bounded(self) -> None:
        self.assertTrue(self.rates.take("a", 1, 60.0))
        self.assertTrue(self.rates.take("b", 1, 60.0))
        for number in range(MOST_KEYS):
            self.rates.take(str(number), 1, 60.0)
        self.assertTrue(self.rates.take("a", 1, 60.0))  # forgotten
        self.assertFalse(self.rates.take(str(MOST_KEYS - 1), 1, 60.0))

    def test_who_is_counted(self) -> None:
        account = replace(CLIENT, account=address("ann@a.example"))
        for by, mail, other in (
            ("client", RCPT, replace(RCPT, client=replace(CLIENT, ip="192.0.2.8"))),
            ("sender", RCPT, replace(RCPT, envelope=envelope(sender="sue@else.example"))),
            ("recipient", RCPT, replace(RCPT, recipient=path("ann@b.example"))),
            ("account", replace(RCPT, client=account), RCPT),
        ):
            settings = Rate(kind="rate", count_by=CountBy(by), limit=1)
            filter = RateFilter(settings, by, self.rates)
            self.assertIs(filter.look(mail), PASS)
            verdict: Any = filter.look(mail)
            self.assertEqual(verdict.status.code, 451, by)
            self.assertIs(filter.look(other), PASS, by)

    def test_nobody_is_nobody(self) -> None:
        settings = Rate(kind="rate", count_by=CountBy.SENDER, limit=1)
        filter = RateFilter(settings, "r", self.rates)
        bounce = replace(RCPT, envelope=envelope(sender=""))
        for _ in range(3):
            self.assertIs(filter.look(bounce), PASS)

    def test_two_filters_count_apart(self) -> None:
        for name in ("one", "two"):
            filter = RateFilter(Rate(kind="rate", limit=1), name, self.rates)
            self.assertIs(filter.look(RCPT), PASS)


class SizeTests(SynchronousTestCase):
    """Too large."""

    def test_announced_and_sent(self) -> None:
        filter = SizeFilter(Size(kind="size", limit=20))
        mail = message("Subject: x\n\n12345678\n")
        self.assertEqual(str(filter.look(mail).status)[:9], "552 5.3.4")
        self.assertIs(filter.look(message("Subject: x\n\n\n")), PASS)
        said = Mail(Stage.SENDER, CLIENT, replace(envelope(), size=21))
        self.assertIs(filter.look(said).decision, Decision.REJECT)
        self.assertIs(filter.look(Mail(Stage.SENDER, CLIENT, envelope())), PASS)
