"""Recognises addresses that lead back to this host, and addresses that no other host can have.

The DNS records of other domains may hold any address. Mail to an address of our own listeners would
be a mail loop (RFC 5321 §5.1), and a connection to 127.0.0.1 or 0.0.0.0 would reach any service of
this machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_network

from mailhost.config.endpoint import parse_endpoint
from mailhost.config.local_address import can_bind
from mailhost.config.model import Listen
from mailhost.config.protocol import ListenProtocol
from mailhost.message.client import plain_address

_LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1"))
# IPv4: this network (RFC 1122 §3.2.1.3), multicast and reserved (RFC 1112 §4). IPv6: unspecified,
# multicast, link-local (RFC 4291 §2.4)
_NOBODY = tuple(map(ip_network, ("0.0.0.0/8", "224.0.0.0/3", "::", "ff00::/8", "fe80::/10")))
# addresses for documentation (RFC 5737, RFC 3849): no machine has them
_FOREIGN = {4: "192.0.2.1", 6: "2001:db8::1"}


@dataclass(frozen=True, slots=True)
class OwnAddresses:
    """`name` is our host name. `listening` are the addresses and ports where we take mail from
    others; `0.0.0.0` and `::` stand for all of the machine's."""

    name: str
    listening: Sequence[tuple[str, int]] = ()
    allow_loopback: bool = False

    def at(self, ip: str, port: int) -> bool:
        """True where a connection to this address comes to a listener of ours."""
        found = plain_address(ip)
        for interface, own_port in self.listening:
            if own_port != port:
                continue
            listener = plain_address(interface)
            if listener == found:
                return True
            if listener.is_unspecified and listener.version >= found.version:
                return _is_of_this_machine(found)
        return False

    def may_try(self, ip: str) -> bool:
        """True for an address where another host can be."""
        found = plain_address(ip)
        if self.allow_loopback and _is_in(found, _LOOPBACK):
            return True
        return not _is_in(found, _LOOPBACK + _NOBODY)


def where_we_take_mail(listeners: Sequence[Listen]) -> list[tuple[str, int]]:
    """Return addresses and ports of the listeners that MX records may lead to.

    Sockets of systemd, and listeners on an interface that is given by a name, are not known by
    address; mail for a proxy goes on to the server behind it.
    """
    ours = [listen.endpoint for listen in listeners if listen.protocol is ListenProtocol.SMTP]
    return [
        (endpoint.interface, endpoint.port)
        for endpoint in map(parse_endpoint, ours)
        if endpoint.port is not None and _is_ip(endpoint.interface)
    ]


def _is_ip(interface: str) -> bool:
    try:
        plain_address(interface)
    except ValueError:
        return False
    return True


def _is_in(address: IPv4Address | IPv6Address, networks: Sequence[object]) -> bool:
    return any(address in network for network in networks)  # type: ignore[operator]


def _is_of_this_machine(address: IPv4Address | IPv6Address) -> bool:
    """True where a socket can be bound to the address. False for all where the kernel allows any
    address to be bound (net.ipv4.ip_nonlocal_bind)."""
    return can_bind(str(address)) and not can_bind(_FOREIGN[address.version])
