"""The default gateways of this host, as the kernel's routing table has them (Linux)."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress

ROUTES = "/proc/net/route"
IPV6_ROUTES = "/proc/net/ipv6_route"


def default_gateways() -> set[str]:
    """Return the addresses; none where they cannot be found. Blocks for a moment."""
    found: set[str] = set()
    with suppress(OSError), open(ROUTES, encoding="ascii") as file:
        found.update(gateways_in(file))
    with suppress(OSError), open(IPV6_ROUTES, encoding="ascii") as file:
        found.update(ipv6_gateways_in(file))
    return found


def gateways_in(lines: Iterable[str]) -> Iterator[str]:
    """Yield the gateways of default routes from the lines of /proc/net/route."""
    for line in lines:
        fields = line.split()
        if len(fields) > 7 and fields[1] == fields[7] == "00000000" != fields[2]:
            yield socket.inet_ntoa(struct.pack("=I", int(fields[2], 16)))


def ipv6_gateways_in(lines: Iterable[str]) -> Iterator[str]:
    """Yield the gateways of default routes from the lines of /proc/net/ipv6_route."""
    for line in lines:
        fields = line.split()
        if len(fields) > 4 and fields[1] == "00" and int(fields[4], 16):
            yield socket.inet_ntop(socket.AF_INET6, bytes.fromhex(fields[4]))
