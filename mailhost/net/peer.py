"""The address of the client at the other end of a connection, as it is counted and logged."""

from __future__ import annotations

from ipaddress import IPv6Address

from twisted.internet.address import IPv4Address as TCP4
from twisted.internet.address import IPv6Address as TCP6


def peer_of(address: object) -> tuple[str, int]:
    """Return IP address and port; "" and 0 for a unix socket.

    An IPv4 address mapped into IPv6 (RFC 4291 §2.5.5.2) becomes IPv4.
    """
    if not isinstance(address, TCP4 | TCP6):
        return "", 0
    mapped = (
        IPv6Address(address.host.partition("%")[0]).ipv4_mapped if ":" in address.host else None
    )
    return str(mapped) if mapped else address.host, address.port
