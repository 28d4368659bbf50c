"""The addresses of the host, and how they are found."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.dns_records.addresses import LOOKUP_SECONDS, find_addresses, machine_addresses
from mailhost.dns_records.facts import AddressSource, HostAddresses
from tests.relay.fake_resolver import FakeResolver

HOST = "mail.example.com"


class SilentResolver(FakeResolver):
    """Does not answer."""

    def addresses(self, host: str) -> Deferred[Sequence[str]]:
        return Deferred()


class AddressTests(SynchronousTestCase):
    """The sources, one after the other."""

    def setUp(self) -> None:
        self.clock = Clock()

    def find(self, resolver: FakeResolver, *own: str) -> Deferred[HostAddresses]:
        finding = find_addresses(HOST, resolver, self.clock, lambda: own)
        return Deferred.fromCoroutine(finding)

    def test_those_in_dns(self) -> None:
        resolver = FakeResolver(addresses={HOST: ["2606:4700::1", "10.0.0.1", "1.2.3.4"]})
        found = self.successResultOf(self.find(resolver, "1.2.3.4", "9.9.9.9"))
        self.assertEqual(("1.2.3.4", "2606:4700::1"), found.found)
        self.assertEqual((AddressSource.RESOLVER, ("9.9.9.9",)), (found.source, found.other))

    def test_those_of_the_machine(self) -> None:
        found = self.successResultOf(self.find(FakeResolver(), "9.9.9.9"))
        self.assertEqual(HostAddresses(("9.9.9.9",), AddressSource.MACHINE), found)

    def test_none(self) -> None:
        found = self.successResultOf(self.find(FakeResolver()))
        self.assertEqual(HostAddresses((), AddressSource.UNKNOWN), found)

    def test_a_resolver_that_does_not_answer(self) -> None:
        finding = self.find(SilentResolver(), "9.9.9.9")
        self.clock.advance(LOOKUP_SECONDS)
        self.assertEqual(AddressSource.MACHINE, self.successResultOf(finding).source)

    def test_this_machine_can_be_asked(self) -> None:
        self.assertLessEqual(len(machine_addresses()), 2)
