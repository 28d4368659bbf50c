"""Checks that the networks that may relay are not wider than those of one organization.

Networks that hold all addresses keep the host from starting, see config/plausible.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address

from mailhost.concurrency.threads import InThread
from mailhost.doctor.checks import Check
from mailhost.doctor.clients.check import CLIENT_ADDRESSES_LOST, TOPIC
from mailhost.doctor.clients.gateways import default_gateways
from mailhost.doctor.finding import Fault, Finding, ok, warning

RELAY_NETWORKS_WIDE = Fault(
    "relay-networks-wide",
    "Any client in a listed network may send mail to all domains, and so large a network "
    "contains clients of other organizations.",
)
RELAY_NETWORKS_GATEWAY = Fault(
    "relay-networks-gateway",
    "If the network of a container replaces the addresses of clients, strangers connect from its "
    "gateway, and may send mail to all domains.",
    explained_by=(CLIENT_ADDRESSES_LOST,),
)
SECONDS = 5.0
TRIED = "relay.networks"
WIDEST = {4: 16, 6: 32}  # the shortest prefixes of public networks that one organization has
_MARKS = ("/.dockerenv", "/run/.containerenv")
Network = IPv4Network | IPv6Network


def networks_check(
    networks: Sequence[Network],
    in_thread: InThread,
    gateways: Callable[[], set[str]] = default_gateways,
    contained: Callable[[], bool] = lambda: in_container(),
) -> Check:
    """Return the check. `gateways` returns the default gateways of this machine, `contained` says
    whether it is a container; both block."""

    async def run() -> Sequence[Finding]:
        inner = await in_thread(gateways) if await in_thread(contained) else set()
        found = [*_wide(networks), *_with_gateway(networks, inner)]
        return found or [ok(TRIED, _listed(networks))]

    return Check(TOPIC, "networks that may relay", SECONDS, run)


def in_container() -> bool:
    """Return True if Docker or Podman made this machine. Blocks."""
    return any(os.path.exists(mark) for mark in _MARKS)


def _wide(networks: Sequence[Network]) -> Iterator[Finding]:
    wide = [str(each) for each in networks if each.is_global and _is_wide(each)]
    if wide:
        seen = f"{', '.join(wide)} has public addresses of many organizations"
        remedy = "List the networks of your own machines, and have all others log in:"
        yield warning(RELAY_NETWORKS_WIDE, TRIED, seen, remedy, "[relay]", "networks = []")


def _is_wide(network: Network) -> bool:
    return network.prefixlen < WIDEST[network.version]


def _with_gateway(networks: Sequence[Network], gateways: set[str]) -> Iterator[Finding]:
    for gateway in sorted(gateways):
        for network in networks:
            if ip_address(gateway) in network:
                seen = f"{network} contains {gateway}, the gateway of this container"
                remedy = (
                    "Have the programs in other containers log in, or list their own addresses; "
                    "`mailhost doctor` reports strangers that connect from the gateway."
                )
                yield warning(RELAY_NETWORKS_GATEWAY, TRIED, seen, remedy)


def _listed(networks: Sequence[Network]) -> str:
    return ", ".join(map(str, networks)) if networks else "empty: all others must log in"
