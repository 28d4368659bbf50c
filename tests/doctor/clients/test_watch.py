"""The names of clients that a process remembers."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_network

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.doctor.clients import watch as watch_module
from mailhost.doctor.clients.watch import (
    SEND_AFTER,
    WINDOW,
    ClientWatch,
    Networks,
    is_watched,
)
from mailhost.interfaces.events import Notice, Received, Refused
from mailhost.interfaces.sightings import Names, Sightings
from mailhost.message.client import Client, plain_address
from mailhost.message.status import Status
from tests.fakes import address

BRIDGE = Client("172.17.0.1", 4711, hello="mx.far.net", extended=True)
REFUSED = Status(550, "5.7.1", "Not a domain of ours")


class WatchCase(SynchronousTestCase):
    """`sent` has what was sent to the head."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.sent: list[Sightings] = []
        self.listed: Networks = ()
        self.watch = ClientWatch(
            self.clock, self.sent.append, "ours.com".__eq__, lambda: self.listed
        )

    def receives(self, client: Client, sender: str) -> None:
        path = address(sender) if sender else None
        self.watch.emit(Received(client, "one", path, (address("ann@ours.com"),), 5, ""))

    def now_sent(self) -> list[Sightings]:
        self.clock.advance(SEND_AFTER)
        return self.sent


class WatchTests(WatchCase):
    def test_names_are_sent_once_and_together(self) -> None:
        self.receives(BRIDGE, "sue@far.net")
        self.receives(BRIDGE, "tom@far.net")
        self.receives(replace(BRIDGE, hello="mx2.far.net"), "tom@sub.near.org")
        self.assertEqual(self.sent, [])
        expected = Sightings({"172.17.0.1": Names(("far.net",), ("far.net", "near.org"))})
        self.assertEqual(self.now_sent(), [expected])
        self.receives(BRIDGE, "sue@far.net")
        self.assertEqual(self.now_sent(), [expected])

    def test_refused_clients_count_too(self) -> None:
        self.watch.emit(Refused(BRIDGE, "RCPT <x@elsewhere.net>", REFUSED))
        self.assertEqual(self.now_sent(), [Sightings({"172.17.0.1": Names(("far.net",))})])

    def test_what_is_not_counted(self) -> None:
        logged_in = replace(BRIDGE, account=address("ann@ours.com"))
        for client in (
            logged_in,
            replace(BRIDGE, protocol="lmtp"),
            replace(BRIDGE, protocol="submission"),
            replace(BRIDGE, ip=""),
        ):
            self.receives(client, "sue@far.net")
        self.watch.emit(Notice("ready"))
        self.assertEqual(self.now_sent(), [])

    def test_our_own_names_and_bare_names_say_nothing(self) -> None:
        self.receives(replace(BRIDGE, hello="app.ours.com"), "shop@ours.com")
        self.receives(replace(BRIDGE, hello="localhost"), "")
        self.assertEqual(self.now_sent(), [])

    def test_a_public_client_is_seen_and_not_remembered(self) -> None:
        stranger = replace(BRIDGE, ip="8.8.4.4")
        self.receives(stranger, "sue@far.net")
        self.assertEqual(self.now_sent(), [Sightings({}, public=True)])
        self.receives(replace(stranger, hello="mx.other.net"), "sue@other.net")
        self.assertEqual(len(self.now_sent()), 1)

    def test_a_public_address_that_may_relay_is_examined(self) -> None:
        self.listed = (ip_network("8.8.4.0/24"),)
        self.receives(replace(BRIDGE, ip="8.8.4.4"), "sue@far.net")
        expected = Sightings({"8.8.4.4": Names(("far.net",), ("far.net",))})
        self.assertEqual(self.now_sent(), [expected])

    def test_names_are_sent_again_when_they_were_forgotten(self) -> None:
        self.watch.start()
        self.receives(BRIDGE, "sue@far.net")
        self.now_sent()
        self.clock.advance(WINDOW)
        self.receives(BRIDGE, "sue@far.net")
        first, second = self.now_sent()
        self.assertEqual(first, second)
        self.watch.stop()
        self.watch.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])


class AddressTests(SynchronousTestCase):
    @given(st.ip_addresses())
    def test_addresses_that_no_stranger_has(self, ip: IPv4Address | IPv6Address) -> None:
        self.assertEqual(is_watched(str(ip), ()), not plain_address(str(ip)).is_global)

    def test_examples(self) -> None:
        for ip in ("172.17.0.1", "100.64.0.1", "fd00::1", "fe80::1%eth0", "::ffff:10.0.0.1", "::1"):
            self.assertTrue(is_watched(ip, ()), ip)
        for ip in ("8.8.4.4", "172.15.0.1", "2600::1", "::ffff:8.8.4.4"):
            self.assertFalse(is_watched(ip, ()), ip)
            self.assertTrue(is_watched(ip, (ip_network("0.0.0.0/0"), ip_network("::/0"))), ip)


class BoundTests(WatchCase):
    def test_domains_of_one_address(self) -> None:
        for number in range(3 * watch_module.MOST_EXAMINED):
            self.receives(replace(BRIDGE, hello=f"mx.far{number}.net"), f"sue@far{number}.net")
        (sent,) = self.now_sent()
        names = sent.names["172.17.0.1"]
        self.assertEqual(len(names.hello), watch_module.MOST_NAMES)
        self.assertEqual(len(names.senders), watch_module.MOST_NAMES)

    def test_many_public_addresses_leave_the_inner_ones(self) -> None:
        self.patch(watch_module, "MOST_ADDRESSES", 10)
        self.receives(BRIDGE, "sue@far.net")
        for number in range(30):
            self.receives(replace(BRIDGE, ip=f"8.8.4.{number}"), "sue@far.net")
        self.receives(BRIDGE, "sue@far.net")
        (sent,) = self.now_sent()
        self.assertEqual(sent.names["172.17.0.1"], Names(("far.net",), ("far.net",)))

    def test_many_inner_addresses(self) -> None:
        self.patch(watch_module, "MOST_ADDRESSES", 10)
        for number in range(200):
            self.receives(replace(BRIDGE, ip=f"10.0.0.{number}"), "sue@far.net")
            self.assertLessEqual(len(self.watch._known), 10)
