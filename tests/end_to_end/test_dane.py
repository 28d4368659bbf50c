"""DANE with a real validating resolver: the relay and MX hosts are in this process."""

from __future__ import annotations

from pathlib import Path

from twisted.internet import threads
from twisted.names import dns

from mailhost.config.model import DNS
from mailhost.dane.records import text_of
from mailhost.interfaces.tls_sessions import TLSFailure
from mailhost.message.outcome import Fate
from mailhost.net.dns.question import QuestionMessage, ask_over_udp
from mailhost.net.dns.resolver import Resolver
from mailhost.net.dns.validation import Validation, validation_of
from tests.authority import Authority
from tests.dane.chains import chain_of, record_of
from tests.end_to_end.unbound import Unbound, needed
from tests.relay.tls.wire import AT_1, AT_2, DOMAIN, MX1, MX2, WireCase, reactor


class DANEBehindUnbound(WireCase):
    """The certificates of the hosts are self-issued: only their TLSA records accept them."""

    insecure = "insecure."
    bogus_hosts: tuple[int, ...] = ()

    async def start_dns(self) -> None:
        needed()
        stranger = Authority.new("Stranger")
        self.one.pem = stranger.issue("elsewhere.example.org", begins=-9, ends=-1)
        self.two.pem = stranger.issue("elsewhere.example.org")
        records = [record_of(chain_of(each.pem)[0], 3, 1, 1) for each in (self.one, self.two)]
        first, second = (text_of(record) for record in records)
        lines = (
            f"{DOMAIN}. MX 10 {MX1}.\n{DOMAIN}. MX 20 {MX2}.\n{MX1}. A {AT_1}\n{MX2}. A {AT_2}\n"
            f"_{self.port}._tcp.{MX1}. TLSA {first}\n_{self.port}._tcp.{MX2}. TLSA {second}\n"
        )
        keys = [text.split()[-1] for text in (first, second)]
        bogus = {keys[each]: "00" * 32 for each in self.bogus_hosts}
        folder = Path(self.mktemp())
        unbound = await threads.deferToThread(Unbound, folder, lines, bogus, self.insecure)
        self.addCleanup(threads.deferToThread, unbound.stop)
        self.dns_port = unbound.port


class Secure(DANEBehindUnbound):
    async def test_the_records_decide(self) -> None:
        settings = DNS(servers=(f"127.0.0.1:{self.dns_port}",), timeout=5)
        resolver = Resolver(reactor, settings)
        self.assertIs(Validation.VALIDATES, await validation_of(resolver, resolver.servers()))
        self.assertEqual(Fate.RELAYED, (await self.send()).fate)
        (session,) = self.sessions
        self.assertEqual((MX1, None), (session.mx, session.failure))
        self.assertEqual(f"the TLSA records of {MX1} (DANE)", session.decided)
        self.one.pem = self.two.pem
        self.start()
        self.assertEqual(Fate.RELAYED, (await self.send()).fate)
        self.assertEqual(TLSFailure.TLSA_INVALID, self.sessions[1].failure)
        self.assertEqual((1, 1), (len(self.one.mail), len(self.two.mail)))

    async def test_a_question_without_edns_is_authenticated_too(self) -> None:
        """It is asked where the resolver is slow: that must not switch DANE off."""
        query = dns.Query(DOMAIN.encode("ascii"), dns.MX, dns.IN)
        for edns in (True, False):
            question = QuestionMessage(query, edns)
            answer = await ask_over_udp(reactor, ("127.0.0.1", self.dns_port), question, 5.0)
            self.assertTrue(answer.authenticData)


class Bogus(DANEBehindUnbound):
    """The records of both hosts do not fit their signatures."""

    bogus_hosts = (0, 1)

    async def test_no_host_is_connected_to(self) -> None:
        outcome = await self.send()
        self.assertEqual((Fate.DEFERRED, "4.7.5"), (outcome.fate, outcome.status.enhanced))
        self.assertEqual((0, 0), (self.one.connections, self.two.connections))
        self.assertEqual([TLSFailure.DNSSEC_INVALID] * 2, [each.failure for each in self.sessions])
        self.assertIn("DNS gives no answer about", outcome.status.text)


class Insecure(DANEBehindUnbound):
    """The domain is not validated, so that its wrong records do not count."""

    insecure = "example.org."
    bogus_hosts = (0,)

    async def test_tls_is_opportunistic(self) -> None:
        self.assertEqual(Fate.RELAYED, (await self.send()).fate)
        (session,) = self.sessions
        self.assertEqual((MX1, "opportunistic TLS"), (session.mx, session.decided))
