"""The rules of a listener for the clients that send through it."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from mailhost.interfaces.extensions import Extensions
from mailhost.message.client import Client


@dataclass(frozen=True, slots=True)
class Rules:
    """`login` demands one (RFC 6409 §4.3). `networks` may relay without one. `hops` bounds the
    Received fields of a message, `memory` the octets of one that are kept in memory. `strangers`
    are the extensions for clients that may not relay, None for all that the listener offers."""

    hostname: str
    login: bool = False
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    hops: int = 50
    memory: int = 256_000
    strangers: Extensions | None = None

    def may_relay(self, client: Client) -> bool:
        """True for those who may send to foreign domains through us."""
        return client.trusted(self.networks)
