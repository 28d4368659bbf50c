"""A relay and the mail hosts of another domain over real TLS on loopback, with a DNS server, a
policy host, and an authority of the tests.

The domain is far.example.org; its MX hosts are mx1.far.example.org at 127.0.0.2 and mx2 at
127.0.0.3. What they show and say, and what DNS has, is up to the test.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import Any, cast

from twisted.internet import reactor as installed
from twisted.internet.defer import maybeDeferred
from twisted.internet.endpoints import SSL4ServerEndpoint
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from mailhost.concurrency.threads import threads_of
from mailhost.config.model import DNS, Relay
from mailhost.config.secrets import Secrets
from mailhost.interfaces.queue import Lane
from mailhost.interfaces.tls_sessions import TLSSession
from mailhost.message.content import Content
from mailhost.message.outcome import Outcome
from mailhost.message.tls_demand import TLSDemand
from mailhost.net.dns.resolver import Resolver
from mailhost.net.tls.certificate import PEM
from mailhost.net.tls.server import ServerTLS
from mailhost.playground.dns_server import DNSServer
from mailhost.relay.sts.policies import STSPolicies
from mailhost.relay.sts.policy_hosts import PolicyHosts
from mailhost.relay.sts.store import PolicyStore
from mailhost.relay.tls.handshakes import Handshakes
from mailhost.relay.transport import RelayTransport
from tests.authority import Authority
from tests.fakes import RecordingEvents, path
from tests.fakes import envelope as envelope_to

DOMAIN = "far.example.org"
MX1, MX2 = f"mx1.{DOMAIN}", f"mx2.{DOMAIN}"
AT_1, AT_2 = "127.0.0.2", "127.0.0.3"
POLICY_HOST = f"mta-sts.{DOMAIN}"
reactor: Any = installed


@dataclass
class FarHost:
    """One MX host. `starttls` is its reply to STARTTLS, empty if it offers none; `broken` ends the
    connection in place of the handshake. With `requiretls` it offers REQUIRETLS over TLS. `mail`
    are the MAIL commands of complete messages."""

    pem: PEM
    starttls: str = "220 go"
    broken: bool = False
    requiretls: bool = False
    mail: list[str] = field(default_factory=list)
    connections: int = 0
    open: int = 0
    secure: list[bool] = field(default_factory=list)  # of each message


class FarSession(LineReceiver):
    """Takes all mail."""

    host: FarHost
    _in_content = False
    _sender = ""
    _secure = False

    def connectionMade(self) -> None:
        self.host.connections += 1
        self.host.open += 1
        self._say("220 there")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.host.open -= 1

    def lineReceived(self, line: bytes) -> None:
        text = line.decode()
        verb = text.split(" ")[0].split(":")[0]
        if self._in_content:
            self._content(text)
        elif verb == "EHLO":
            self._say("".join(f"250-{word}\r\n" for word in self._offered()) + "250 HELP")
        elif verb == "STARTTLS":
            self._start_tls()
        elif verb == "DATA":
            self._in_content = True
            self._say("354 go")
        else:
            self._sender = text if verb == "MAIL" else self._sender
            self._say("221 bye" if verb == "QUIT" else "250 OK")
            if verb == "QUIT":
                cast("Any", self.transport).loseConnection()

    def _offered(self) -> list[str]:
        if self._secure:
            return ["there", "REQUIRETLS"] if self.host.requiretls else ["there"]
        return ["there", "STARTTLS"] if self.host.starttls else ["there"]

    def _content(self, text: str) -> None:
        if text == ".":
            self._in_content = False
            self.host.mail.append(self._sender)
            self.host.secure.append(self._secure)
            self._say("250 2.0.0 taken")

    def _start_tls(self) -> None:
        self._say(self.host.starttls)
        if self.host.broken:
            cast("Any", self.transport).loseConnection()
        elif self.host.starttls.startswith("220"):
            self._secure = True
            tls = cast("Any", ServerTLS([self.host.pem])).factory()
            cast("Any", self.transport).startTLS(tls)

    def _say(self, reply: str) -> None:
        self.sendLine(reply.encode())


class PolicyServer(Protocol):
    """Answers any request with the policy of the test."""

    def dataReceived(self, data: bytes) -> None:
        head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
        assert self.transport is not None
        self.transport.write((head + cast("Any", self.factory).policy).encode())
        self.transport.loseConnection()


class WireCase(TestCase):
    """`settings` are those of `[relay.tls]`. `validating` is true for a DNS server that sets AD."""

    validating = True
    settings: dict[str, Any] = {}

    async def setUp(self) -> None:  # type: ignore[override]
        self.authority = Authority.new()
        self.events = RecordingEvents()
        self.forget()
        self.one, self.two = (FarHost(self.authority.issue(name)) for name in (MX1, MX2))
        self.policy_pem = self.authority.issue(POLICY_HOST)
        await self._listen()
        await self.start_dns()
        self.addCleanup(self._drained)
        self.policy_factory = Factory.forProtocol(PolicyServer)
        self.policy_factory.noisy = False
        self.start()

    async def _drained(self) -> None:
        """Wait for the end of all connections."""
        while self.one.open or self.two.open:
            await deferLater(reactor, 0.005)

    async def start_dns(self) -> None:
        """Start the DNS server, when the port of the hosts is known."""
        self.dns = DNSServer(self.records(), authenticates=self.validating)
        self.dns_port = self.dns.start(reactor)
        self.addCleanup(self.dns.stop)

    def forget(self) -> None:
        """Have another data folder, without any policy."""
        self.folder = self.mktemp()
        os.mkdir(self.folder)

    def records(self) -> dict[str, list[list[Any]]]:
        """The records of the domain, without any policy."""
        return {
            DOMAIN: [["MX", 10, MX1], ["MX", 20, MX2]],
            MX1: [["A", AT_1]],
            MX2: [["A", AT_2]],
            POLICY_HOST: [["A", "127.0.0.1"]],
        }

    async def _listen(self) -> None:
        """Have both hosts listen at one port."""
        for _ in range(20):
            first = self._listen_at(self.one, AT_1, 0)
            self.port = first.getHost().port
            try:
                second = self._listen_at(self.two, AT_2, self.port)
            except CannotListenError:
                await first.stopListening()
                continue
            self.addCleanup(first.stopListening)
            self.addCleanup(second.stopListening)
            return
        self.fail("no port is free at both addresses")

    def _listen_at(self, host: FarHost, address: str, port: int) -> Any:
        protocol = type("Session", (FarSession,), {"host": host})
        factory = Factory.forProtocol(protocol)
        factory.noisy = False
        return reactor.listenTCP(port, factory, interface=address)

    def start(self, **tls: Any) -> None:
        """Start the relay, also again, with these settings for TLS besides those of the class."""
        self.policy_port = getattr(self, "policy_port", 1)
        relay = Relay.model_validate(
            {
                "port": self.port,
                "allow_loopback": True,
                "connect_timeout": 5,
                "tls": {"mta_sts_port": self.policy_port, **self.settings, **tls},
            }
        )
        dns = DNS(servers=(f"127.0.0.1:{self.dns_port}",), timeout=5)
        self.resolver = Resolver(reactor, dns)
        hosts = PolicyHosts(reactor, self.resolver)
        handshakes = Handshakes(self.authority.trust_root)
        hosts.reconfigure(self.policy_port, handshakes.peers, allow_loopback=True)
        store = PolicyStore(self.folder)
        self.sts = STSPolicies(reactor, threads_of(reactor), hosts, store, self.events)
        self.relay = RelayTransport(
            reactor,
            self.resolver,
            relay,
            Secrets({}),
            "us.example.org",
            self.events,
            handshakes,
            sts=self.sts,
        )
        self.addCleanup(self.relay.stop)

    async def publish_sts(self, *lines: str, identity: str = "one") -> None:
        """Have the domain publish a policy of MTA-STS, and its policy host serve it."""
        text = "\r\n".join(("version: STSv1", *lines, ""))
        self.policy_factory.policy = text  # type: ignore[attr-defined]
        self.dns.records[f"_mta-sts.{DOMAIN}"] = [["TXT", f"v=STSv1; id={identity}"]]
        tls = cast("Any", ServerTLS([self.policy_pem])).factory()
        endpoint = SSL4ServerEndpoint(reactor, 0, tls, interface="127.0.0.1")
        self.policy_listener = await endpoint.listen(self.policy_factory)
        self.addCleanup(lambda: maybeDeferred(self.policy_listener.stopListening))
        self.policy_port = self.policy_listener.getHost().port
        self.start()

    def publish_tlsa(self, host: str, *records: Any) -> None:
        """Have DNS show TLSA records of a host."""
        rows = [["TLSA", r.usage, r.selector, r.matching, r.data.hex()] for r in records]
        self.dns.records[f"_{self.port}._tcp.{host}"] = rows
        self.start()

    async def send(self, tls: TLSDemand = TLSDemand.USUAL) -> Outcome:
        """Send a message with this demand, and return its outcome."""
        envelope = replace(envelope_to(f"a@{DOMAIN}"), tls=tls)
        destination = self.relay.next_hop("far.example", DOMAIN, 0)
        lane = Lane(destination, [path(f"a@{DOMAIN}")])
        carried = await self.relay.carry(
            lane, envelope, Content((b"Subject: x\r\n\r\nx\r\n",)), "m"
        )
        if carried.bug is not None:
            raise carried.bug
        (outcome,) = carried.outcomes
        return outcome

    @property
    def sessions(self) -> list[TLSSession]:
        return self.events.of(TLSSession)
