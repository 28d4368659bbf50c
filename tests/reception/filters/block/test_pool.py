"""Hosts of a pool are one client for greylisting."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mailhost.interfaces.dns import ResolveFailed
from mailhost.interfaces.verdict import Mail
from tests.fakes import envelope
from tests.reception.filters.block.greylisting import DAY, MAIL, MINUTE, GreylistCase
from tests.reception.filters.mails import CLIENT


class PoolTests(GreylistCase):
    """A large sender repeats an attempt from any of its networks."""

    def setUp(self) -> None:
        super().setUp()
        self.dns.hosts = {f"out{n}.mail.pool.example": [f"198.51.{n}.9"] for n in range(5)}

    def mail(self, n: int, sender: str = "sue@far.example", **more: Any) -> Mail:
        """Return mail from host `n` of the pool, which has its own network."""
        known = {"ip": f"198.51.{n}.7", "hello": f"out{n}.mail.pool.example"} | more
        return replace(MAIL, client=replace(CLIENT, **known), envelope=envelope(sender=sender))

    def learn(self) -> None:
        """Repeat an attempt of one network from another network."""
        self.assertFalse(self.passes(self.mail(0)))
        self.now += 5 * MINUTE
        self.assertTrue(self.passes(self.mail(1)))

    def test_the_next_attempt_may_come_from_another_network(self) -> None:
        self.learn()

    def test_all_networks_of_the_pool_are_known_for_that_domain(self) -> None:
        self.learn()
        self.assertTrue(self.passes(self.mail(2, "bob@far.example")))
        self.assertFalse(self.passes(self.mail(2, "bob@near.example")))
        self.assertTrue(self.passes(self.mail(1, "bob@near.example")))

    def test_a_pool_is_forgotten_after_a_time(self) -> None:
        self.learn()
        for n in (2, 3, 2):
            self.now += 34 * DAY
            self.assertTrue(self.passes(self.mail(n)))
        self.now += 36 * DAY
        self.assertFalse(self.passes(self.mail(4)))

    def test_a_name_in_helo_needs_an_address_in_the_network(self) -> None:
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
