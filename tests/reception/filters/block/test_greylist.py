"""Greylisting (RFC 6647): unknown clients have to wait, known clients have not."""

from __future__ import annotations

import os
from dataclasses import replace
from ipaddress import ip_network

from mailhost.config.filters.block import Greylist
from mailhost.reception.filters.block.greylist import GreylistFilter
from tests.fakes import address, envelope, now, path
from tests.queue.fakes import here
from tests.reception.filters.block.greylisting import DAY, MAIL, MINUTE, GreylistCase
from tests.reception.filters.mails import CLIENT


class GreylistTests(GreylistCase):
    def test_the_first_attempt_is_deferred(self) -> None:
        self.assertFalse(self.passes())
        self.now += 4 * MINUTE
        self.assertFalse(self.passes())
        self.now += MINUTE
        self.assertTrue(self.passes())

    def test_the_reply_has_the_seconds_to_wait(self) -> None:
        self.passes()
        self.now += MINUTE
        verdict = now(self.filter.look(MAIL))
        assert verdict.status is not None
        self.assertIn("try again in 240 seconds", verdict.status.text)

    def test_a_client_that_tried_again_is_known(self) -> None:
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

    def test_an_attempt_that_is_too_late_is_new(self) -> None:
        self.passes()
        self.now += 2 * DAY + 1
        self.assertFalse(self.passes())
        self.now += 5 * MINUTE
        self.assertTrue(self.passes())

    def test_a_client_is_forgotten_after_a_time(self) -> None:
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

    def test_trusted_clients_are_never_deferred(self) -> None:
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
