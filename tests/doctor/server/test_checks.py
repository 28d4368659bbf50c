"""The check of a server: what it refuses to examine, and at which addresses it looks."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.doctor.server.checks import NAME_SECONDS, addresses_of_host, checks_of_server
from mailhost.doctor.targets import TargetOptions
from mailhost.interfaces.dns import ResolveFailed
from tests.relay.fake_resolver import FakeResolver


class ChecksTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()

    def context(self, resolver: Any = None) -> Any:
        return SimpleNamespace(reactor=self.clock, resolver=resolver, loaded=None)

    def test_one_check_for_a_server(self) -> None:
        [check] = checks_of_server(self.context(), "mx.example", 25, TargetOptions())
        self.assertEqual("Connection to mx.example port 25", check.topic)

    def test_what_cannot_be_examined(self) -> None:
        for host, port, options in (
            ("no host", None, TargetOptions()),
            ("mx.example", 65_536, TargetOptions()),
            ("mx.example", None, TargetOptions(recipient="no address")),
            ("mx.example", None, TargetOptions(user="ann\r\nQUIT")),
        ):
            with self.assertRaises(ValueError):
                checks_of_server(self.context(), host, port, options)

    def addresses(self, host: str, resolver: Any = None) -> Deferred[Any]:
        return Deferred.fromCoroutine(addresses_of_host(self.context(resolver), host))

    def test_addresses(self) -> None:
        resolver = FakeResolver(addresses={"mx.example": ["192.0.2.1"]})
        for host, found in (
            ("192.0.2.9", ["192.0.2.9"]),
            ("2001:db8::1", ["2001:db8::1"]),
            ("localhost", ["127.0.0.1", "::1"]),
            ("mx.example", ["192.0.2.1"]),
        ):
            self.assertEqual(found, list(self.successResultOf(self.addresses(host, resolver))))

    def test_dns_is_silent(self) -> None:
        silent = SimpleNamespace(addresses=lambda host: Deferred())
        examining = self.addresses("mx.example", silent)
        self.clock.advance(NAME_SECONDS)
        self.failureResultOf(examining, ResolveFailed)
