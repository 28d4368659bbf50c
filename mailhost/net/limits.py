"""How many connections there may be: in all, and from one client (IPv6: from one /64)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from mailhost.message.status import Status


@dataclass(frozen=True, slots=True)
class Bounds:
    """`total` connections, and `per_client` of them from one address."""

    total: int
    per_client: int


def client_key(ip: str) -> str:
    """What counts as one client: an IPv4 address, an IPv6 /64, all unix sockets together."""
    if ":" not in ip:
        return ip
    return str(ip_network((ip_address(ip.partition("%")[0]), 64), strict=False))


class ConnectionLimits:
    """Counts open connections over all listeners. `bounds` may be replaced at any time."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.total = 0
        self._of_client: Counter[str] = Counter()

    def admit(self, ip: str) -> Status | None:
        """Count a new connection; None lets it in, and `release` must follow one day."""
        key = client_key(ip)
        if self.total >= self.bounds.total:
            return Status(421, "4.3.2", "Too busy now; please try again later", "connection limit")
        if key and self._of_client[key] >= self.bounds.per_client:
            return Status(
                421,
                "4.7.0",
                "Too many connections from your address; please close some",
                f"{self.bounds.per_client} connections from {key}",
            )
        self.total += 1
        self._of_client[key] += 1
        return None

    def release(self, ip: str) -> None:
        """An admitted connection is gone."""
        key = client_key(ip)
        self.total -= 1
        self._of_client[key] -= 1
        if not self._of_client[key]:
            del self._of_client[key]
