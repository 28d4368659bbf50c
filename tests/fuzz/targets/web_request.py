"""A connection of HTTP: requests, and what follows them."""

from __future__ import annotations

from ipaddress import ip_network

from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from mailhost.web.channel import LARGEST_BODY, MOST_REQUESTS
from mailhost.web.forwarded import TrustedProxies
from mailhost.web.site import Site
from mailhost.web.values import WebRequest, WebResponse, text_response
from tests.fuzz.cutting import result_of_any_cut

PEER = IPv4Address("TCP", "192.0.2.1", 1)
PROXIES = TrustedProxies([ip_network("192.0.2.0/24")])


def target(data: bytes) -> None:
    result_of_any_cut(data, _run)


def _run(blocks: list[bytes]) -> object:
    """Return the requests that were read, the octets that answered them, and whether the connection
    was closed."""
    seen: list[WebRequest] = []

    def respond(request: WebRequest) -> WebResponse:
        assert len(request.body) <= LARGEST_BODY
        seen.append(request)
        return text_response(200, "hello")

    clock = Clock()
    channel = Site(respond, PROXIES, clock, clock.seconds).buildProtocol(PEER)
    transport = StringTransport(peerAddress=PEER)
    channel.makeConnection(transport)
    for block in blocks:
        if not transport.disconnecting:
            channel.dataReceived(block)
    assert len(seen) <= MOST_REQUESTS
    return seen, transport.value(), transport.disconnecting
