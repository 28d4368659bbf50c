"""Checks that this machine has a route to other networks, by IPv4 and by IPv6.

Whether there is a route is asked of the kernel by connecting a UDP socket, which sends nothing.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from mailhost.doctor.checks import Check
from mailhost.doctor.finding import Fault, Finding, failure, ok, warning

NO_ROUTE = Fault("no-default-route", "Without a default route no other host can be reached.")
NO_IPV4_ROUTE = Fault(
    "ipv4-no-route", "Many mail hosts have IPv4 addresses only, and cannot be reached."
)
NO_IPV6_ROUTE = Fault(
    "ipv6-no-route",
    "Each connection to an IPv6 address fails, and other hosts cannot reach the IPv6 addresses of "
    "this one.",
)
SECONDS = 5.0
# addresses for the choice of a route; nothing is sent there
_FAR = {socket.AF_INET: "1.1.1.1", socket.AF_INET6: "2606:4700:4700::1111"}
_TRIED = "default route"


@dataclass(frozen=True, slots=True)
class MachineRoutes:
    """`ipv4` and `ipv6` say whether there is a route to other networks. `ipv6_addresses` are the
    global IPv6 addresses of this machine, as far as they are known."""

    ipv4: bool
    ipv6: bool
    ipv6_addresses: tuple[str, ...] = ()


def routes_check(read: Callable[[], MachineRoutes], bind: Sequence[str]) -> Check:
    """Return the check of the routes that `read` returns. `bind` are the addresses from which
    mail leaves, empty for any."""

    async def run() -> Sequence[Finding]:
        if bind and all(ip_address(each).is_loopback for each in bind):
            text = f"not needed: mail leaves from {' and '.join(bind)}, on this machine"
            return [ok(_TRIED, text)]
        return list(_about(read()))

    return Check("Network", "there is a default route", SECONDS, run)


def _about(routes: MachineRoutes) -> Iterator[Finding]:
    if not (routes.ipv4 or routes.ipv6):
        remedy = "Connect this machine to the network, and check its routes: ip route; ip -6 route"
        yield failure(NO_ROUTE, _TRIED, "there is no route", remedy)
    elif not routes.ipv4:
        remedy = "Ask the provider for an IPv4 address, or for NAT64; check: ip route"
        yield warning(NO_IPV4_ROUTE, _TRIED, "for IPv6 only", remedy)
    elif routes.ipv6:
        yield ok(_TRIED, "for IPv4 and for IPv6")
    elif routes.ipv6_addresses:
        remedy = "Set the IPv6 gateway of the provider, or remove the address; check: ip -6 route"
        seen = f"for IPv4 only, though this machine has {', '.join(routes.ipv6_addresses)}"
        yield warning(NO_IPV6_ROUTE, _TRIED, seen, remedy)
    else:
        yield ok(_TRIED, "for IPv4; this machine has no global IPv6 address")


def read_routes(path: str = "/proc/net/if_inet6") -> MachineRoutes:
    """Return the routes of this machine. `path` lists the IPv6 addresses of a Linux machine."""
    addresses = tuple(_global_addresses(path))
    return MachineRoutes(_leads_on(socket.AF_INET), _leads_on(socket.AF_INET6), addresses)


def _leads_on(family: socket.AddressFamily) -> bool:
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((_FAR[family], 53))
        return True
    return False


def _global_addresses(path: str) -> Iterator[str]:
    """Yield the global addresses in a file whose lines begin with 32 hexadecimal digits."""
    with suppress(OSError, ValueError), open(path, encoding="ascii") as file:
        for line in file:
            address = IPv6Address(int(line.split()[0], 16))
            if address.is_global:
                yield str(address)
