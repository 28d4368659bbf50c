"""The address of a client."""

from __future__ import annotations

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.trial.unittest import SynchronousTestCase

from mailhost.net.peer import peer_of


class PeerTests(SynchronousTestCase):
    def test_addresses(self) -> None:
        for address, expected in (
            (IPv4Address("TCP", "192.0.2.7", 4711), ("192.0.2.7", 4711)),
            (IPv6Address("TCP", "2001:db8::7", 4711), ("2001:db8::7", 4711)),
            (IPv6Address("TCP", "::ffff:192.0.2.7", 4711), ("192.0.2.7", 4711)),
            (IPv6Address("TCP", "fe80::7%eth0", 4711), ("fe80::7%eth0", 4711)),
            (UNIXAddress("/run/client"), ("", 0)),
            (None, ("", 0)),
        ):
            self.assertEqual(expected, peer_of(address))
