"""Remembers from which networks mail of a domain has passed DMARC before.

Mail that later fails from the same network was probably broken on its way, or is sent by a server
whose signing has a fault; it is not refused, but counts as junk. The memory is that of one process,
bounded, and empty after a start.
"""

from __future__ import annotations

from collections import OrderedDict
from ipaddress import ip_network

from twisted.internet.interfaces import IReactorTime

from mailhost.message.client import plain_address

REMEMBERED = 30 * 86_400.0  # seconds since the last pass
MOST_KNOWN = 20_000  # pairs of a network and a domain, some 4 MB
IPV4_PREFIX, IPV6_PREFIX = 24, 64


class KnownClients:
    """Pairs of a client's network and an author's domain."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._passed: OrderedDict[tuple[str, str], float] = OrderedDict()

    def note(self, ip: str, domain: str) -> None:
        """A message of this domain passed."""
        key = (_network(ip), domain)
        self._passed[key] = self._clock.seconds()
        self._passed.move_to_end(key)
        if len(self._passed) > MOST_KNOWN:
            self._passed.popitem(last=False)

    def knows(self, ip: str, domain: str) -> bool:
        """True where a message of this domain has passed from the client's network lately."""
        passed = self._passed.get((_network(ip), domain))
        return passed is not None and self._clock.seconds() - passed < REMEMBERED


def _network(ip: str) -> str:
    address = plain_address(ip)
    prefix = IPV4_PREFIX if address.version == 4 else IPV6_PREFIX
    return str(ip_network((address, prefix), strict=False))
