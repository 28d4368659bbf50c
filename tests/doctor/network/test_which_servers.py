"""Which DNS servers are asked for which host, and what."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from twisted.internet import reactor as made
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from mailhost.config.load import Loaded, load
from mailhost.doctor.context import DoctorContext
from mailhost.doctor.finding import Finding
from mailhost.doctor.network.checks import dns_servers_check, network_checks
from mailhost.playground.dns_server import DNSServer
from tests.doctor.running import at_once

reactor: Any = made
DEMO = '[demo]\naccounts = ["ann@example.org"]\n'


class ServersTests(TestCase):
    def loaded(self, hostname: str, more: str = "") -> Loaded:
        path = Path(self.mktemp())
        path.write_text(f'version = 1\nhostname = "{hostname}"\ndata = "data"\n{more}')
        return load(str(path))

    def context(self, loaded: Loaded | None) -> DoctorContext:
        return DoctorContext(reactor, at_once, cast(Any, None), loaded)

    async def finding(self, loaded: Loaded) -> Finding:
        [found] = await dns_servers_check(self.context(loaded), loaded.settings.hostname).run()
        return found

    async def test_names_for_tests_and_the_demo_are_not_asked(self) -> None:
        for loaded in (self.loaded("mx.example"), self.loaded("mx.example.org", DEMO)):
            found = await self.finding(loaded)
            self.assertIn("not asked", found.seen)
        [found] = await dns_servers_check(self.context(None), "ann.test").run()
        self.assertIn("not asked, as ann.test", found.seen)

    async def test_a_server_of_the_settings_is_asked_for_any_name(self) -> None:
        server = DNSServer({})
        port = server.start(reactor)
        self.addCleanup(lambda: Deferred.fromCoroutine(server.stop()))
        loaded = self.loaded("mx.alpha.test", f'[dns]\nservers = ["127.0.0.1:{port}"]\n')
        found = await self.finding(loaded)
        self.assertEqual((f"DNS server 127.0.0.1:{port}", ""), (found.tried, found.name))
        self.assertIn(("NS", "test"), server.asked)

    async def test_a_server_that_is_not_there(self) -> None:
        port = self.closed_port()
        loaded = self.loaded("mx.example.org", f'[dns]\nservers = ["127.0.0.1:{port}"]\n')
        self.assertEqual("doctor/resolver-silent", (await self.finding(loaded)).name)

    def closed_port(self) -> int:
        server = DNSServer({})
        port = server.start(reactor)
        self.addCleanup(lambda: Deferred.fromCoroutine(server.stop()))
        Deferred.fromCoroutine(server.stop())
        return port

    def test_all_checks_of_the_network(self) -> None:
        loaded = self.loaded("mx.example.org")
        checks = list(network_checks(self.context(loaded), loaded))
        self.assertEqual({"Network"}, {check.topic for check in checks})
        titles = [check.title for check in checks]
        self.assertEqual((5, "DNSSEC"), (len(titles), titles[1]))
        off = self.loaded("mx.example.org", "[relay.tls]\ndane = false\n")
        self.assertEqual(4, len(list(network_checks(self.context(off), off))))
