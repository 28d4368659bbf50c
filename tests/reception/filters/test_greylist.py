"""Greylisting (RFC 6647): who is new waits, who comes back is known."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Sequence
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mailhost.config.filters.block import Greylist
from mailhost.interfaces.dns import IResolver, MXRecord, NoSuchDomain, ResolveFailed
from mailhost.interfaces.filters import FilterFailed
from mailhost.interfaces.verdict import PASS, Decision, Mail, Stage
from mailhost.reception.filters.block.greylist import GreylistFilter
from mailhost.reception.filters.block.greylist_memory import (
    CLEANING_INTERVAL,
    GreylistMemory,
    MemoryUnavailable,
)
from tests.fakes import address, envelope, now, path
from tests.queue.fakes import here
from tests.reception.filters.mails import CLIENT

MAIL = Mail(Stage.RECIPIENT, CLIENT, envelope(sender="sue@far.example"), path("ann@a.example"))
MINUTE, DAY = 60.0, 86400.0


@implementer(IResolver)
class Hosts:
    """Knows the addresses of `hosts`; an exception is raised."""

    def __init__(self) -> None:
        self.hosts: dict[str, list[str] | Exception] = {}
        self.asked: list[str] = []

    async def addresses(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        found = self.hosts.get(host, NoSuchDomain(host))
        if isinstance(found, Exception):
            raise found
        return found

    def ipv4(self, name: str) -> Awaitable[Sequence[str]]:
        raise NotImplementedError

    def mx(self, domain: str) -> Awaitable[Sequence[MXRecord]]:
        raise NotImplementedError


class GreylistCase(SynchronousTestCase):
    """Time is what the test says."""

    def setUp(self) -> None:
        self.now = 1e9
        self.path = self.mktemp()
        self.memory = self.open()
        self.dns = Hosts()
        self.filter = self.make()

    def open(self) -> GreylistMemory:
        """Another process's hold of the same file."""
        memory = GreylistMemory(self.path, lambda: self.now)
        self.addCleanup(memory.close)
        return memory

    def make(self, **settings: Any) -> GreylistFilter:
        return GreylistFilter(Greylist(kind="greylist", **settings), self.memory, self.dns, here)

    def passes(self, mail: Mail = MAIL, filter: GreylistFilter | None = None) -> bool:
        """True where it is let in; a 451 otherwise."""
        verdict = now((filter or self.filter).look(mail))
        if verdict is not PASS:
            self.assertIs(verdict.decision, Decision.DEFER)
            self.assertEqual(str(verdict.status)[:9], "451 4.7.1")
        return verdict is PASS


class GreylistTests(GreylistCase):
    def test_a_link_is_not_followed_to_make_the_file(self) -> None:
        os.symlink(os.path.abspath(self.path + ".target"), self.path)
        triplet = ("n", "s", "r")
        self.assertRaises(MemoryUnavailable, self.memory.wait, triplet, ["n"], 1.0, 2.0, 3.0)
        self.assertFalse(os.path.exists(self.path + ".target"))

    def test_first_refused_then_taken(self) -> None:
        self.assertFalse(self.passes())
        self.now += 4 * MINUTE
        self.assertFalse(self.passes())
        self.now += MINUTE
        self.assertTrue(self.passes())

    def test_the_words_tell_how_long(self) -> None:
        self.passes()
        self.now += MINUTE
        verdict = now(self.filter.look(MAIL))
        assert verdict.status is not None
        self.assertIn("try again in 240 seconds", verdict.status.text)

    def test_who_came_back_is_known_with_all_its_mail(self) -> None:
        self.passes()
        self.now += 5 * MINUTE
        self.passes()
        neighbour = replace(CLIENT, ip="192.0.2.200")
        other = replace(MAIL, client=neighbour, recipient=path("bob@a.example"))
        self.assertTrue(self.passes(other))
        self.assertFalse(self.passes(replace(other, client=replace(CLIENT, ip="192.0.3.7"))))

    def test_another_sender_or_recipient_is_new(self) -> None:
        self.passes()
        self.now += 5 * MINUTE
        self.assertFalse(self.passes(replace(MAIL, recipient=path("bob@a.example"))))
        self.assertFalse(self.passes(replace(MAIL, envelope=envelope(sender="eve@far.example"))))

    def test_too_late_is_new(self) -> None:
        self.passes()
        self.now += 2 * DAY + 1
        self.assertFalse(self.passes())
        self.now += 5 * MINUTE
        self.assertTrue(self.passes())

    def test_known_until_it_stays_away(self) -> None:
        self.passes()
        for _ in range(3):
            self.now += 34 * DAY if _ else 5 * MINUTE
            self.assertTrue(self.passes())
        self.now += 36 * DAY
        self.assertFalse(self.passes())

    def test_networks_of_ipv6(self) -> None:
        self.passes(replace(MAIL, client=replace(CLIENT, ip="2001:db8::1")))
        self.now += 5 * MINUTE
        self.assertTrue(self.passes(replace(MAIL, client=replace(CLIENT, ip="2001:db8::2"))))
        self.assertFalse(self.passes(replace(MAIL, client=replace(CLIENT, ip="2001:db8:0:1::1"))))

    def test_who_is_never_asked(self) -> None:
        known = self.make(networks=["192.0.2.0/28"])
        self.assertTrue(self.passes(filter=known))
        account = replace(CLIENT, account=address("ann@a.example"))
        self.assertTrue(self.passes(replace(MAIL, client=account)))
        self.assertTrue(self.passes(replace(MAIL, client=replace(CLIENT, ip="::1"))))
        networks = [ip_network("2001:db8::/32"), ip_network("192.0.2.0/24")]
        greylist = Greylist(kind="greylist")
        trusting = GreylistFilter(greylist, self.memory, self.dns, here, networks)
        self.assertTrue(self.passes(filter=trusting))
        self.assertFalse(os.path.exists(self.path))
        self.assertFalse(
            self.passes(replace(MAIL, client=replace(CLIENT, ip="192.0.3.7")), trusting)
        )

    def test_two_processes_know_the_same(self) -> None:
        self.passes()
        self.now += 5 * MINUTE
        other = GreylistFilter(Greylist(kind="greylist"), self.open(), self.dns, here)
        self.assertTrue(self.passes(filter=other))
        self.assertTrue(self.passes())

    def test_what_is_over_is_forgotten(self) -> None:
        self.passes()
        self.now += 2 * DAY + CLEANING_INTERVAL
        self.passes(replace(MAIL, recipient=path("bob@a.example")))
        database = self.memory._database()
        [(count,)] = database.execute("SELECT count(*) FROM seen").fetchall()
        self.assertEqual(count, 1)

    def test_a_file_that_cannot_be_used(self) -> None:
        os.mkdir(self.path)
        looking = self.filter.look(MAIL)
        failure = self.failureResultOf(Deferred.fromCoroutine(looking), FilterFailed)  # type: ignore[arg-type]
        self.assertIn(self.path, str(failure.value))
        os.rmdir(self.path)
        self.assertFalse(self.passes())


class PoolTests(GreylistCase):
    """Large senders come again from any of their networks."""

    def setUp(self) -> None:
        super().setUp()
        self.dns.hosts = {f"out{n}.mail.pool.example": [f"198.51.{n}.9"] for n in range(5)}

    def mail(self, n: int, sender: str = "sue@far.example", **more: Any) -> Mail:
        """By a host of the pool, in a network of its own."""
        known = {"ip": f"198.51.{n}.7", "hello": f"out{n}.mail.pool.example"} | more
        return replace(MAIL, client=replace(CLIENT, **known), envelope=envelope(sender=sender))

    def learn(self) -> None:
        """It comes from one network, and again from another."""
        self.assertFalse(self.passes(self.mail(0)))
        self.now += 5 * MINUTE
        self.assertTrue(self.passes(self.mail(1)))

    def test_it_may_come_again_from_another_network(self) -> None:
        self.learn()

    def test_then_all_its_networks_are_known_to_that_domain(self) -> None:
        self.learn()
        self.assertTrue(self.passes(self.mail(2, "bob@far.example")))
        self.assertFalse(self.passes(self.mail(2, "bob@near.example")))
        self.assertTrue(self.passes(self.mail(1, "bob@near.example")))

    def test_for_as_long_as_it_comes(self) -> None:
        self.learn()
        for n in (2, 3, 2):
            self.now += 34 * DAY
            self.assertTrue(self.passes(self.mail(n)))
        self.now += 36 * DAY
        self.assertFalse(self.passes(self.mail(4)))

    def test_a_hello_name_alone_makes_no_member_of_a_pool(self) -> None:
        self.learn()
        self.assertFalse(self.passes(self.mail(2, ip="203.0.113.7")))
        for hello in ("out9.mail.pool.example", "[198.51.2.7]", "pool", "out2.mail.pool.exa_mple"):
            self.assertFalse(self.passes(self.mail(2, hello=hello)))
        self.dns.hosts["out2.mail.pool.example"] = ResolveFailed("no answer")
        self.assertFalse(self.passes(self.mail(2)))

    def test_a_domain_in_which_everybody_may_register_is_no_pool(self) -> None:
        for shared in ("example", "co.uk", "com.au", "or.jp"):
            first, second = f"a.{shared}", f"b.{shared}"
            self.dns.hosts |= {first: ["198.51.2.9"], second: ["198.51.3.9"]}
            sender = f"sue@{shared}"
            self.assertFalse(self.passes(self.mail(2, sender, hello=first)))
            self.now += 5 * MINUTE
            self.assertFalse(self.passes(self.mail(3, sender, hello=second)), shared)

    def test_the_dns_is_not_asked_about_known_clients(self) -> None:
        self.learn()
        self.dns.asked.clear()
        self.passes(self.mail(1))
        self.assertEqual(self.dns.asked, [])
