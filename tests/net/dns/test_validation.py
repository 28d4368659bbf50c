"""Whether the resolver validates, and the line about it."""

from __future__ import annotations

from twisted.internet import reactor as installed
from twisted.trial.unittest import TestCase

from mailhost.config.model import DNS
from mailhost.net.dns.resolver import Resolver
from mailhost.net.dns.validation import Validation, validation_line, validation_of
from mailhost.playground.dns_server import DNSServer, Records

ROOT = {"": [["NS", "a.root-servers.net"]]}


class ValidationTests(TestCase):
    async def validation(self, records: Records, authenticates: bool) -> Validation:
        """What is found out about a server with these records."""
        server = DNSServer(records, authenticates)
        port = server.start(installed)
        self.addCleanup(server.stop)
        settings = DNS(servers=(f"127.0.0.1:{port}",), timeout=5)
        resolver = Resolver(installed, settings)  # type: ignore[arg-type]
        found = await validation_of(resolver, resolver.servers())
        self.assertEqual([("NS", "")], server.asked)
        return found

    async def test_a_resolver_that_validates(self) -> None:
        self.assertIs(Validation.VALIDATES, await self.validation(ROOT, True))

    async def test_one_that_does_not(self) -> None:
        self.assertIs(Validation.DOES_NOT, await self.validation(ROOT, False))
        self.assertIs(Validation.DOES_NOT, await self.validation({}, True))

    async def test_one_that_fails(self) -> None:
        self.assertIs(Validation.UNKNOWN, await self.validation({"": [["SERVFAIL"]]}, True))

    async def test_one_on_another_machine_is_not_asked(self) -> None:
        server = ("192.0.2.53", 53)
        resolver = Resolver(installed, DNS(servers=("192.0.2.53",)))  # type: ignore[arg-type]
        self.assertIs(Validation.REMOTE, await validation_of(resolver, [server]))
        line = validation_line(Validation.REMOTE, [server, server])
        self.assertIn("the resolver 192.0.2.53 is not on this machine", line)
        self.assertIn("are not obeyed; run a resolver that validates, such as unbound", line)

    async def test_some_on_other_machines(self) -> None:
        """The answers of the one on this machine are believed, and it is not always asked."""
        servers = [("127.0.0.1", 53), ("192.0.2.53", 53)]
        resolver = Resolver(installed, DNS(servers=("127.0.0.1",)))  # type: ignore[arg-type]
        self.assertIs(Validation.MIXED, await validation_of(resolver, servers))
        self.assertEqual(
            "the resolvers 127.0.0.1, 192.0.2.53 are not all on this machine: TLSA records (DANE) "
            "of other domains are obeyed only if one on this machine answers; name no others in "
            "dns.servers",
            validation_line(Validation.MIXED, servers),
        )

    def test_the_line_of_one_that_validates(self) -> None:
        line = validation_line(Validation.VALIDATES, [("127.0.0.1", 53)])
        text = "TLSA records (DANE) of other domains are obeyed"
        self.assertEqual(f"the resolver 127.0.0.1 validates DNSSEC: {text}", line)
