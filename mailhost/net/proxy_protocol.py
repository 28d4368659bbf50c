"""Connections that a proxy hands on, with the PROXY protocol's header in front (versions 1 and 2).

The header has the address of the client. Before it has come, nothing is sent and the connection is
not counted: the greeting, limits, trusted networks and the Received field go by the address of the
client, not by that of the proxy. A connection with a malformed header, or with none in time, is
closed. A header without a client (LOCAL, UNKNOWN: health checks of the proxy itself) leaves the
address of the proxy.

The specification is haproxy.org's `proxy-protocol.txt`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Literal

from twisted.internet.address import IPv4Address as TCP4
from twisted.internet.address import IPv6Address as TCP6
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LONGEST_TEXT_HEADER = 107  # octets of a version 1 header, CRLF included
LARGEST_BINARY_HEADER = 4096  # octets of a version 2 header: addresses and some more values
HEADER_TIMEOUT = 10.0  # seconds within which the header must come

_FAMILIES: Mapping[str, Callable[[str], IPv4Address | IPv6Address]] = {
    "TCP4": IPv4Address,
    "TCP6": IPv6Address,
}


class BadProxyHeader(ValueError):
    """The octets are no PROXY header; the message has the reason."""


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """`client` is None if the header names no client. The header has `length` octets."""

    client: TCP4 | TCP6 | None
    length: int


def parse_proxy_header(data: bytes) -> ProxyHeader | None:
    """Read the header that `data` starts with; None until it is whole. Raises BadProxyHeader."""
    if data[:12] == SIGNATURE[: len(data)]:
        return _binary(data) if len(data) >= 16 else None
    if data[:6] == b"PROXY "[: len(data)]:
        return _line(data)
    raise BadProxyHeader("it does not start with a PROXY header")


def _line(data: bytes) -> ProxyHeader | None:
    end = data.find(b"\r\n", 0, LONGEST_TEXT_HEADER)
    if end < 0:
        if len(data) >= LONGEST_TEXT_HEADER:
            raise BadProxyHeader("its PROXY line has no end")
        return None
    text = data[:end].decode("ascii", "replace").split(" ")
    if text[1] == "UNKNOWN":
        return ProxyHeader(None, end + 2)
    try:
        family, source, _, port, _ = text[1:]
        return ProxyHeader(_client(_FAMILIES[family](source), int(port)), end + 2)
    except (ValueError, KeyError) as error:
        raise BadProxyHeader(f"its PROXY line is wrong: {error}") from error


def _binary(data: bytes) -> ProxyHeader | None:
    version, command, family = data[12] >> 4, data[12] & 15, data[13]
    length = 16 + int.from_bytes(data[14:16])
    if version != 2 or command > 1 or length > LARGEST_BINARY_HEADER:
        raise BadProxyHeader("its PROXY header is of no version that is known here")
    if len(data) < length:
        return None
    size = {0x11: 4, 0x21: 16}.get(family)
    if command == 0 or size is None:
        return ProxyHeader(None, length)
    if length < 16 + 2 * size + 4:
        raise BadProxyHeader("its PROXY header is too short for its addresses")
    port = int.from_bytes(data[16 + 2 * size : 18 + 2 * size])
    return ProxyHeader(_client(ip_address(data[16 : 16 + size]), port), length)


def _client(address: IPv4Address | IPv6Address, port: int) -> TCP4 | TCP6:
    if not 0 <= port <= 65535:
        raise ValueError(f"no port {port}")
    kind: Literal["TCP"] = "TCP"
    make = TCP4 if address.version == 4 else TCP6
    return make(kind, str(address), port)


class ProxiedFactory(Factory):
    """`inner` makes the protocol once the client is known."""

    noisy = False

    def __init__(self, inner: IProtocolFactory, clock: IReactorTime) -> None:
        self.inner = inner
        self.clock = clock

    def doStart(self) -> None:
        """The inner factory starts with this one."""
        self.inner.doStart()

    def doStop(self) -> None:
        """The inner factory stops with this one."""
        self.inner.doStop()

    def buildProtocol(self, addr: IAddress | None) -> ProxiedProtocol:
        return ProxiedProtocol(self, addr)


class ProxiedProtocol(Protocol):
    """Reads the header, then puts the inner protocol in its own place."""

    _log = Logger("mailhost.net")

    def __init__(self, factory: ProxiedFactory, proxy: IAddress | None) -> None:
        self._factory = factory
        self._proxy = proxy
        self._read = b""
        self._deadline: IDelayedCall | None = None

    def connectionMade(self) -> None:
        self._deadline = self._factory.clock.callLater(
            HEADER_TIMEOUT, self._end, "its header never came"
        )

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()

    def dataReceived(self, data: bytes) -> None:
        self._read += data
        try:
            header = parse_proxy_header(self._read)
        except BadProxyHeader as error:
            self._end(str(error))
            return
        if header is not None:
            self._hand_on(header)

    def _hand_on(self, header: ProxyHeader) -> None:
        self.connectionLost()
        rest, self._read = self._read[header.length :], b""
        transport: Any = self.transport
        client = header.client or self._proxy or transport.getPeer()
        inner: IProtocol | None = self._factory.inner.buildProtocol(client)
        if inner is None:
            transport.loseConnection()
            return
        transport.protocol = inner  # so that STARTTLS wraps it, and not us
        inner.makeConnection(transport)
        if rest:
            inner.dataReceived(rest)

    def _end(self, why: str) -> None:
        self._log.info(
            "refused a connection from the proxy {proxy}: {why}", proxy=self._proxy, why=why
        )
        transport: Any = self.transport
        transport.abortConnection()
