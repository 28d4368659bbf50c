"""The header of the PROXY protocol, versions 1 and 2, in front of a connection."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from mailhost.net.proxy_protocol import (
    LARGEST_BINARY_HEADER,
    LONGEST_TEXT_HEADER,
    BadProxyHeader,
    ProxiedFactory,
    parse_proxy_header,
)
from tests.fuzz.cutting import result_of_any_cut

PROXY = IPv4Address("TCP", "192.0.2.99", 1)


def target(data: bytes) -> None:
    result_of_any_cut(data, _run)
    _check_prefixes(data)


class _Inner(Protocol):
    def __init__(self) -> None:
        self.read = b""

    def dataReceived(self, data: bytes) -> None:
        self.read += data


class _Transport(StringTransport):
    aborted = False
    protocol: Any = None

    def abortConnection(self) -> None:
        self.aborted = True


class _Inners(Factory):
    noisy = False

    def __init__(self) -> None:
        self.made: list[tuple[object, _Inner]] = []

    def buildProtocol(self, addr: object) -> _Inner:
        self.made.append((addr, _Inner()))
        return self.made[-1][1]


def _run(blocks: list[bytes]) -> object:
    """Return the clients that the inner factory was told of, what came for them, and whether the
    connection was ended."""
    inner, clock = _Inners(), Clock()
    outer = ProxiedFactory(inner, clock).buildProtocol(PROXY)
    transport = _Transport(peerAddress=PROXY)
    transport.protocol = outer
    outer.makeConnection(transport)
    for block in blocks:
        if not transport.aborted and block:
            transport.protocol.dataReceived(block)
    assert len(inner.made) <= 1
    assert not (transport.aborted and inner.made)
    assert transport.value() == b"", "octets for a client that nobody knows"
    return [(client, each.read) for client, each in inner.made], transport.aborted


def _check_prefixes(data: bytes) -> None:
    """A header is not whole until all its octets are there, and then it stays what it is."""
    try:
        header = parse_proxy_header(data)
    except BadProxyHeader as bad:
        assert str(bad).isprintable()
        return
    if header is None:
        assert len(data) < max(LONGEST_TEXT_HEADER, LARGEST_BINARY_HEADER)
        return
    assert 0 < header.length <= len(data)
    assert parse_proxy_header(data[: header.length]) == header
    for end in range(0, header.length, max(header.length // 50, 1)):
        assert parse_proxy_header(data[:end]) is None
    if header.client is not None:
        ip_address(header.client.host)
        assert 0 <= header.client.port <= 65535
