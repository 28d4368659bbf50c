"""How many connections there may be: in all, and from one client (IPv6: from one /64)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Protocol

from mailhost.message.status import Status

CROWDED_SHARE = 0.8  # of all connections that the limit allows


@dataclass(frozen=True, slots=True)
class Bounds:
    """`total` connections, and `per_client` of them from one address."""

    total: int
    per_client: int


def client_key(ip: str) -> str:
    """Return the key of a client: an IPv4 address, an IPv6 /64, or "" for any unix socket."""
    if ":" not in ip:
        return ip
    return str(ip_network((ip_address(ip.partition("%")[0]), 64), strict=False))


class OtherCounts(Protocol):
    """The connection counts of the other processes, to which ours are reported."""

    def total(self) -> int:
        """Return how many connections the other processes hold."""

    def of_client(self, client: str) -> int:
        """Return how many connections of this client the other processes hold."""

    def add(self, client: str, change: int) -> None:
        """Report one connection more (1) or less (-1) of this process."""


class ConnectionLimits:
    """Counts open connections over all listeners. `bounds` may be replaced at any time."""

    def __init__(self, bounds: Bounds, others: OtherCounts | None = None) -> None:
        self.bounds = bounds
        self.total = 0
        self._others = others
        self._of_client: Counter[str] = Counter()

    @property
    def crowded(self) -> bool:
        """True if few connections are left below the limit."""
        total = self.total + (self._others.total() if self._others else 0)
        return total >= CROWDED_SHARE * self.bounds.total

    def admit(self, ip: str) -> Status | None:
        """Count a new connection and return None; `release` must follow. Or return a refusal."""
        key = client_key(ip)
        others = self._others
        total = self.total + (others.total() if others else 0)
        of_client = self._of_client[key] + (others.of_client(key) if others else 0)
        if total >= self.bounds.total:
            return Status(421, "4.3.2", "Too busy now; please try again later", "connection limit")
        if key and of_client >= self.bounds.per_client:
            return Status(
                421,
                "4.7.0",
                "Too many connections from your address; please close some",
                f"{self.bounds.per_client} connections from {key}",
            )
        self._add(key, 1)
        return None

    def release(self, ip: str) -> None:
        """Count an admitted connection no more."""
        self._add(client_key(ip), -1)

    def _add(self, key: str, change: int) -> None:
        self.total += change
        self._of_client[key] += change
        if not self._of_client[key]:
            del self._of_client[key]
        if self._others:
            self._others.add(key, change)
