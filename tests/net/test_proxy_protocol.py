"""The PROXY header: read however it is cut, and the client's address is what it says."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransportWithDisconnection
from twisted.trial.unittest import SynchronousTestCase

from mailhost.net.proxy_protocol import (
    HEADER_TIMEOUT,
    SIGNATURE,
    BadProxyHeader,
    ProxiedFactory,
    parse_proxy_header,
)

V4 = b"PROXY TCP4 192.0.2.7 198.51.100.1 1234 25\r\n"
V6 = b"PROXY TCP6 2001:db8::7 2001:db8::1 1234 25\r\n"
B4 = SIGNATURE + b"\x21\x11\0\x0c" + bytes([192, 0, 2, 7, 198, 51, 100, 1]) + b"\x04\xd2\0\x19"
B6 = SIGNATURE + b"\x21\x21\0\x24" + bytes(15) + b"\7" + bytes(15) + b"\1" + b"\x04\xd2\0\x19"
GOOD = {
    V4: "192.0.2.7",
    V6: "2001:db8::7",
    B4: "192.0.2.7",
    B6: "::7",
    b"PROXY UNKNOWN\r\n": None,
    b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n": None,
    SIGNATURE + b"\x20\0\0\0": None,
    SIGNATURE + b"\x21\x31\0\3abc": None,
}
BAD = (
    b"EHLO there\r\n",
    b"\r\n\r\n",
    b"PROXY TCP4 192.0.2.7\r\n",
    b"PROXY TCP4 ::1 ::1 1 2\r\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.8 99999 25\r\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.8 x 25\r\n",
    b"PROXY " + b"x" * 200,
    SIGNATURE + b"\x11\x11\0\x0c" + bytes(12),
    SIGNATURE + b"\x21\x11\0\x02ab",
    SIGNATURE + b"\x21\x11\xff\xff",
)


class Headers(SynchronousTestCase):
    def test_good_ones_however_they_are_cut(self) -> None:
        for header, host in GOOD.items():
            for cut in range(len(header)):
                self.assertIsNone(parse_proxy_header(header[:cut]), header[:cut])
            found = parse_proxy_header(header + b"rest")
            assert found is not None
            self.assertEqual(len(header), found.length)
            self.assertEqual(host, found.client and found.client.host)
            if found.client is not None:
                self.assertEqual(1234, found.client.port)

    def test_bad_ones(self) -> None:
        for header in BAD:
            if header == b"\r\n\r\n":
                continue  # so far it could be a good one
            self.assertRaises(BadProxyHeader, parse_proxy_header, header)

    @settings(deadline=None)
    @given(st.binary(max_size=120), st.sampled_from([b"", b"PROXY ", SIGNATURE, V4[:30], B4[:20]]))
    def test_any_octets_are_read_or_refused(self, octets: bytes, start: bytes) -> None:
        try:
            found = parse_proxy_header(start + octets)
        except BadProxyHeader:
            return
        self.assertTrue(found is None or found.length <= len(start + octets))


class Inner(Protocol):
    def __init__(self) -> None:
        self.heard = b""

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(b"220\r\n")

    def dataReceived(self, data: bytes) -> None:
        self.heard += data


class InnerFactory(Factory):
    noisy = False

    def __init__(self) -> None:
        self.peers: list[IAddress | None] = []
        self.made: list[Inner] = []

    def buildProtocol(self, addr: IAddress | None) -> Inner:
        self.peers.append(addr)
        self.made.append(Inner())
        return self.made[-1]


class Connections(SynchronousTestCase):
    def setUp(self) -> None:
        self.inner = InnerFactory()
        self.clock = Clock()
        self.proxy = IPv4Address("TCP", "10.0.0.1", 5)
        protocol = ProxiedFactory(self.inner, self.clock).buildProtocol(self.proxy)
        self.transport = StringTransportWithDisconnection()
        self.transport.protocol = protocol
        protocol.makeConnection(self.transport)

    def receive(self, data: bytes) -> None:
        self.transport.protocol.dataReceived(data)

    def test_nothing_is_said_before_the_header(self) -> None:
        self.receive(V4[:20])
        self.assertEqual((b"", []), (self.transport.value(), self.inner.peers))
        self.receive(V4[20:] + b"EHLO x\r\n")
        self.assertEqual([IPv4Address("TCP", "192.0.2.7", 1234)], self.inner.peers)
        self.assertEqual(b"220\r\n", self.transport.value())
        self.receive(b"NOOP\r\n")
        self.assertEqual(b"EHLO x\r\nNOOP\r\n", self.inner.made[0].heard)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_ipv6(self) -> None:
        self.receive(V6)
        self.assertEqual([IPv6Address("TCP", "2001:db8::7", 1234)], self.inner.peers)

    def test_the_proxys_own_check(self) -> None:
        self.receive(SIGNATURE + b"\x20\0\0\0")
        self.assertEqual([self.proxy], self.inner.peers)

    def test_no_header(self) -> None:
        self.receive(b"EHLO x\r\n")
        self.assertFalse(self.transport.connected)
        self.assertEqual([], self.inner.peers)

    def test_a_slow_header(self) -> None:
        self.receive(b"PROXY ")
        self.clock.advance(HEADER_TIMEOUT)
        self.assertFalse(self.transport.connected)

    def test_who_leaves_early_is_forgotten(self) -> None:
        self.transport.loseConnection()
        self.assertEqual([], self.clock.getDelayedCalls())
