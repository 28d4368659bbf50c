"""How many connections there may be: in all, and from one client (IPv6: from one /64)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Protocol

from mailhost.message.status import Status

CROWDED_SHARE = 0.8  # of all places


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


class OtherCounts(Protocol):
    """Connections that other processes hold, and where ours are told to them."""

    def total(self) -> int:
        """How many."""

    def of_client(self, client: str) -> int:
        """How many of one client."""

    def add(self, client: str, change: int) -> None:
        """Tell the others of one more or less of ours."""


class ConnectionLimits:
    """Counts open connections over all listeners. `bounds` may be replaced at any time."""

    def __init__(self, bounds: Bounds, others: OtherCounts | None = None) -> None:
        self.bounds = bounds
        self.total = 0
        self._others = others
        self._of_client: Counter[str] = Counter()

    @property
    def crowded(self) -> bool:
        """True where few places are left."""
        total = self.total + (self._others.total() if self._others else 0)
        return total >= CROWDED_SHARE * self.bounds.total

    def admit(self, ip: str) -> Status | None:
        """Count a new connection; None lets it in, and `release` must follow one day."""
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
        """An admitted connection is gone."""
        self._add(client_key(ip), -1)

    def _add(self, key: str, change: int) -> None:
        self.total += change
        self._of_client[key] += change
        if not self._of_client[key]:
            del self._of_client[key]
        if self._others:
            self._others.add(key, change)
