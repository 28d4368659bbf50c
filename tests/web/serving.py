"""A connection to a Site without a network, and directories and requests for pages."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from ipaddress import ip_network
from urllib.parse import urlencode

from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.model import DEFAULT_LISTEN
from mailhost.interfaces.accounts import DirectoryView, Domain
from mailhost.net.tls.certificate import CertificateFiles, current_time, parse_certificate
from mailhost.playground.certificates import Validity, new_authority
from mailhost.web.channel import Channel
from mailhost.web.forwarded import TrustedProxies
from mailhost.web.hosts import WebHosts
from mailhost.web.https import HTTPS
from mailhost.web.offers import offers_of
from mailhost.web.site import Site
from mailhost.web.values import Respond, WebRequest

VIEW = DirectoryView(
    {name: Domain(name) for name in ("example.org", "example.net")},
    {"alias.example": "example.org"},
)
PROXIES = TrustedProxies([ip_network("198.51.100.0/24")])


def hosts(hostname: str = "mx.example.org") -> WebHosts:
    """The names of a host with three domains, one of them an alias."""
    return WebHosts(hostname, lambda: VIEW)


OFFERS = offers_of("mx.example.org", DEFAULT_LISTEN)
TIME = datetime(2026, 11, 28, 12, 51, 36, 903000, UTC)


def issued(*names: str, ends: float = 60) -> CertificateFiles:
    """A certificate of an authority for these names, with that of the authority in its chain."""
    authority = new_authority()
    pem = authority.issue(names, Validity(-100, ends))
    return parse_certificate(replace(pem, chain=pem.chain + authority.pem))


def https(*certificates: CertificateFiles, port: int | None = 443) -> HTTPS:
    """The HTTPS of a host with these certificates, now."""
    return HTTPS("mx.example.org", port, lambda: certificates, current_time)


class Transport(StringTransport):
    """Notes that it was cut. A transport of TCP with an empty buffer closes at once; this one is
    like a TLS session whose peer does not close it."""

    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True

    def setTcpNoDelay(self, enabled: bool) -> None:
        """An HTTP connection over TLS asks for it."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A response as the client reads it."""

    code: int
    header: dict[str, str]
    body: bytes


def read_reply(octets: bytes) -> tuple[Reply, bytes]:
    """Read the first response, and return it with the octets behind it."""
    head, _, rest = octets.partition(b"\r\n\r\n")
    first, *lines = head.decode("ascii").split("\r\n")
    header = {}
    for line in lines:
        name, _, value = line.partition(": ")
        assert name.lower() not in header, name
        header[name.lower()] = value
    length = int(header.get("content-length", "0"))
    return Reply(int(first.split(" ")[1]), header, rest[:length]), rest[length:]


class SiteCase(SynchronousTestCase):
    """Each test has a site whose responses come from `respond`."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1_000_000_000)

    def connect(
        self, respond: Respond, peer: str = "192.0.2.7", through: str = ""
    ) -> tuple[Channel, Transport]:
        """Return a new connection of the peer, by way of another address that passes it on with a
        header of the PROXY protocol."""
        site = Site(respond, PROXIES, self.clock, self.clock.seconds)
        channel = site.buildProtocol(IPv4Address("TCP", peer, 4711))
        transport = Transport(peerAddress=IPv4Address("TCP", through or peer, 4711))
        channel.makeConnection(transport)
        return channel, transport

    def ask(
        self, respond: Respond, *lines: str, body: bytes = b"", peer: str = "192.0.2.7"
    ) -> Reply:
        """Send a request of these lines, and return the response."""
        channel, transport = self.connect(respond, peer)
        channel.dataReceived("\r\n".join([*lines, "", ""]).encode() + body)
        head = lines[0].startswith("HEAD")
        reply, rest = read_reply(transport.value())
        self.assertEqual(rest, b"")
        self.assertEqual(head and bool(reply.body), False)
        return reply


def get(host: str, path: str, **query: str) -> WebRequest:
    """A GET request by HTTPS."""
    return WebRequest("GET", host, path, query, urlencode(query), secure=True)
