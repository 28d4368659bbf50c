"""Certificates from Pebble, by each kind of challenge, while every third nonce is refused."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

from cryptography import x509
from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import TCP4ServerEndpoint, wrapServerTLS
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import SkipTest, TestCase
from twisted.web.resource import NoResource, Resource
from twisted.web.server import Site
from twisted.web.static import Data

from mailhost.certificates.answers import ChallengeAnswers
from mailhost.certificates.attempts import Attempts, Means
from mailhost.certificates.authority import Authority
from mailhost.certificates.dns_challenge import (
    CommandChanger,
    DNSProver,
    IRecordChanger,
    UpdateChanger,
    Zone,
)
from mailhost.certificates.folder import CertificateFolder
from mailhost.certificates.keys import certificate_id
from mailhost.certificates.order import Obtained, Wanted
from mailhost.certificates.program import programs_of
from mailhost.certificates.provers import HTTPProver, IProver, TLSProver
from mailhost.certificates.values import DNS_01, HTTP_01, TLS_ALPN_01, AccountWanted, AuthorityError
from mailhost.concurrency.threads import own_threads
from mailhost.config.model import DNS
from mailhost.durable.blocking import BlockingCommitter
from mailhost.durable.system import OperatingSystem
from mailhost.net.dns.authoritative import AuthoritativeServers
from mailhost.net.dns.resolver import Resolver
from mailhost.net.tls.server import HTTPS, ServerTLS
from mailhost.playground.dns_server import DNSServer
from tests.certificates.named import Named
from tests.certificates.pebble import HOST, Pebble
from tests.net.tls.handshakes import Folder

REACTOR: Any = reactor
MX, MAIL, IMAP = "mx.a.example", "mail.a.example", "imap.mail.a.example"
RECORDS = {
    MX: [["A", HOST]],
    MAIL: [["A", HOST]],
    "a.example": [["NS", "ns.a.example"]],
    "ns.a.example": [["A", HOST]],
    f"_acme-challenge.{IMAP}": [["CNAME", f"{IMAP}.acme.a.example"]],
}
COMMAND = """#!/bin/sh
test "$1" = key || exit 9
shift
echo "$@" >> {calls}
"""


class WebChallenges(Resource):
    """Stands for the web listener. It answers wrongly for the hosts in `wrong`."""

    def __init__(self, answers: ChallengeAnswers) -> None:
        super().__init__()
        self.wrong: set[str] = set()
        self._answers = answers

    def getChild(self, path: bytes, request: Any) -> Resource:
        if path in (b".well-known", b"acme-challenge"):
            return self
        body = self._answers.key_authorization(path.decode())
        if request.getRequestHostname().decode() in self.wrong:
            body = b"the page of another server"
        return NoResource() if body is None else Data(body, "text/plain")


class CommandServer(DNSServer):
    """Has the TXT records of which a command wrote to a file."""

    calls: Path

    def query(self, query: Any, timeout: Any = None) -> Deferred[Any]:
        found = dict(RECORDS)
        lines = self.calls.read_text().splitlines() if self.calls.exists() else ()
        for word, name, value in map(str.split, lines):
            rows = found.pop(name, [])
            kept = [row for row in rows if row != ["TXT", value]]
            found[name] = [*kept, ["TXT", value]] if word == "present" else kept
        for name, rows in RECORDS.items():  # Pebble does not follow a CNAME itself
            found[name] = [*rows, *(each for kind, to in rows for each in found.get(to, ()))]
        self.records = {name: rows for name, rows in found.items() if rows}
        return super().query(query, timeout)


class PebbleCase(TestCase):
    timeout = 120
    pebble: Pebble

    def prepare(self) -> None:
        self.answers = ChallengeAnswers()
        self.in_thread = own_threads(REACTOR)
        self.folder = CertificateFolder(
            os.path.abspath(self.mktemp()), BlockingCommitter(OperatingSystem()).commit
        )

    async def start_pebble(self, dns: int, **options: Any) -> None:
        self.prepare()
        nonces = {"PEBBLE_WFE_NONCEREJECT": "33"}
        self.pebble = Pebble(Path(self.mktemp()), dns, nonces, **options)
        self.addCleanup(self.pebble.stop)
        await self.pebble.ready()

    def serve_dns(self, server: DNSServer) -> int:
        port = server.start(reactor)
        self.addCleanup(lambda: Deferred.fromCoroutine(server.stop()))
        return port

    def account(self, **more: Any) -> AccountWanted:
        contact = ("ann@a.example",)
        return AccountWanted(self.pebble.directory, contact, self.pebble.ca_file, **more)

    async def obtain(
        self, provers: dict[str, IProver], *names: str, replaces: str = "", **account: Any
    ) -> Obtained:
        attempts = Attempts(REACTOR, self.in_thread, self.folder, lambda: Means(Authority, provers))
        wanted = Wanted(names, replaces=replaces)
        return await attempts.obtain(self.account(**account), wanted)

    def names(self, found: Obtained) -> set[str]:
        assert found.pem is not None, found
        return {*ServerTLS([found.pem]).certificates[0].names}


class WebTests(PebbleCase, Folder):
    """http-01 and tls-alpn-01."""

    async def start(self, **options: Any) -> None:
        await self.start_pebble(self.serve_dns(DNSServer(RECORDS)), **options)
        self.web = WebChallenges(self.answers)
        site = Site(self.web)
        site.noisy = False
        tls = ServerTLS([self.certificate("self.example")])
        tls.challenges = self.answers
        silent = Factory.forProtocol(Protocol)
        silent.noisy = False
        secure = TCP4ServerEndpoint(REACTOR, self.pebble.tls, interface=HOST)
        for port in (
            REACTOR.listenTCP(self.pebble.http, site, interface=HOST),
            await wrapped(tls, secure, silent),
        ):
            self.addCleanup(maybeDeferred, port.stopListening)
        self.http = HTTPProver(self.answers)
        self.tls = TLSProver(self.answers, self.in_thread)

    async def test_both_challenges_and_names_that_fail_at_first(self) -> None:
        await self.start()
        found = await self.obtain({TLS_ALPN_01: self.tls, HTTP_01: self.http}, MX)
        self.assertEqual({MX}, self.names(found))
        self.web.wrong.add(MAIL)
        found = await self.obtain({HTTP_01: self.http, TLS_ALPN_01: self.tls}, MX, MAIL)
        self.assertEqual(({MX, MAIL}, ()), (self.names(found), found.failures))
        found = await self.obtain({HTTP_01: self.http}, "gone.a.example", MX)
        [failure] = found.failures
        self.assertEqual({MX}, self.names(found))
        self.assertEqual(("gone.a.example", HTTP_01), (failure.name, failure.challenge))
        self.assertIn("the authority said: ", str(failure))
        self.assertIn("Remedy: ", str(failure))
        self.assertEqual(({}, {}), (self.answers._http, self.answers._tls))

    async def test_one_account_for_all_orders(self) -> None:
        await self.start()
        found = await self.obtain({HTTP_01: self.http}, MX)
        before = self.folder.account(self.pebble.directory)
        assert found.pem is not None
        [certificate, *_] = x509.load_pem_x509_certificates(found.pem.chain)
        replaces = certificate_id(certificate)
        await self.obtain({HTTP_01: self.http}, MX, replaces=replaces)
        self.assertEqual(before, self.folder.account(self.pebble.directory))
        assert before is not None
        self.assertEqual(1, self.pebble.log.count("accounts in memory"))
        await self.in_thread(lambda: x509.load_pem_x509_certificate(self.pebble.root()))

    async def test_an_external_account(self) -> None:
        key = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
        await self.start(accounts={"kid-1": key})
        provers: dict[str, IProver] = {HTTP_01: self.http}
        with self.assertRaises(AuthorityError) as missing:
            await self.obtain(provers, MX)
        self.assertEqual("externalAccountRequired", missing.exception.problem.kind)
        with self.assertRaises(AuthorityError) as wrong:
            await self.obtain(provers, MX, eab_id="kid-2", eab_key=key)
        self.assertEqual("unauthorized", wrong.exception.problem.kind)
        found = await self.obtain(provers, MX, eab_id="kid-1", eab_key=key)
        self.assertEqual({MX}, self.names(found))


async def wrapped(tls: ServerTLS, endpoint: Any, factory: Any) -> Any:
    """Listen as an https listener does."""
    return await wrapServerTLS(tls.factory(HTTPS), endpoint).listen(factory)


class DNSTests(PebbleCase):
    """dns-01."""

    def prover(self, changer: IRecordChanger, port: int) -> DNSProver:
        resolver = Resolver(REACTOR, DNS(servers=(f"{HOST}:{port}",)))
        servers = AuthoritativeServers(REACTOR, resolver, port=lambda: port)
        return DNSProver(REACTOR, changer, Zone(resolver, servers, 20))

    def write_program(self, server: CommandServer) -> str:
        """Write the command whose calls the server reads, and return its path."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        server.calls = folder / "calls"
        program = folder / "change dns"
        program.write_text(COMMAND.format(calls=server.calls))
        program.chmod(stat.S_IRWXU)
        return str(program)

    def start_named(self) -> Named:
        named = Named(Path(self.mktemp()).absolute(), "a.example")
        self.addCleanup(named.stop)
        return named

    async def test_a_command(self) -> None:
        server = CommandServer(RECORDS)
        program = self.write_program(server)
        port = self.serve_dns(server)
        await self.start_pebble(port)
        command = CommandChanger([program, "key"], programs_of(REACTOR, 20))
        prover = self.prover(command, port)
        found = await self.obtain({DNS_01: prover}, "*.a.example", "a.example", IMAP)
        self.assertEqual({"*.a.example", "a.example", IMAP}, self.names(found))
        calls = [line.split()[:2] for line in server.calls.read_text().splitlines()]
        below = "_acme-challenge.a.example"
        names = sorted([below, below, f"{IMAP}.acme.a.example"])  # the last behind a CNAME
        for word in ("present", "cleanup"):
            self.assertEqual(names, sorted(name for each, name in calls if each == word))
        broken = CommandChanger([program, "no key"], programs_of(REACTOR, 20))
        found = await self.obtain({DNS_01: self.prover(broken, port)}, MX)
        [failure] = found.failures
        self.assertIn("ended with the code 9: no output", failure.said)

    async def test_nsupdate(self) -> None:
        named = self.start_named()
        await self.start_pebble(named.port)
        await self.in_thread(named.wait)
        run = programs_of(REACTOR, 20)
        changer = UpdateChanger((HOST, named.port), named.key, 60, run)
        found = await self.obtain(
            {DNS_01: self.prover(changer, named.port)}, "*.a.example", "a.example"
        )
        self.assertEqual({"*.a.example", "a.example"}, self.names(found))
        left = await self.in_thread(lambda: named.records("_acme-challenge.a.example", "TXT"))
        self.assertEqual("", left)
        wrong = UpdateChanger((HOST, named.port), named.wrong_key, 60, run)
        found = await self.obtain({DNS_01: self.prover(wrong, named.port)}, "mail.a.example")
        [failure] = found.failures
        self.assertIn("nsupdate ended with the code", failure.said)


class MissingTests(TestCase):
    def test_a_host_without_pebble_skips(self) -> None:
        from tests.certificates import pebble

        self.patch(pebble, "PROGRAM", None)
        with self.assertRaises(SkipTest):
            Pebble(Path(self.mktemp()), 53)
