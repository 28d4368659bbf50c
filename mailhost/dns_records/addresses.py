"""Finds the addresses at which other hosts reach this one: those of the settings, else those that
DNS has for the host's name, else those from which this machine reaches other hosts.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from ipaddress import ip_address

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime

from mailhost.dns_records.facts import AddressSource, HostAddresses
from mailhost.interfaces.dns import IResolver, NoSuchDomain, ResolveFailed

LOOKUP_SECONDS = 5.0
# addresses outside this machine, by which the system chooses the address of a socket; nothing is
# sent to them
_FAR = ((socket.AF_INET, "1.1.1.1"), (socket.AF_INET6, "2606:4700:4700::1111"))


async def find_addresses(
    hostname: str,
    resolver: IResolver,
    clock: IReactorTime,
    own: Callable[[], Sequence[str]] | None = None,
    seconds: float = LOOKUP_SECONDS,
) -> HostAddresses:
    """Return the addresses of a host whose settings name none, and how they were found. `own`
    returns the global addresses of this machine. DNS has `seconds` to answer."""
    machine = addresses_without_dns(own)
    found = await _looked_up(hostname, resolver, clock, seconds)
    if found:
        other = tuple(address for address in machine.found if address not in found)
        return HostAddresses(tuple(found), AddressSource.RESOLVER, other)
    return machine


def addresses_without_dns(own: Callable[[], Sequence[str]] | None = None) -> HostAddresses:
    """Return the addresses of this machine as those of the host."""
    found = tuple((own or machine_addresses)())
    return HostAddresses(found, AddressSource.MACHINE if found else AddressSource.UNKNOWN)


def machine_addresses() -> list[str]:
    """Return the global addresses from which this machine sends, at most one of each family."""
    found = []
    for family, far in _FAR:
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((far, 53))  # of UDP: chooses a route, and sends nothing
            found.append(str(probe.getsockname()[0]))
    return [address for address in found if ip_address(address).is_global]


async def _looked_up(
    hostname: str, resolver: IResolver, clock: IReactorTime, seconds: float
) -> list[str]:
    """Return the global addresses of a name, IPv4 first; none if they cannot be looked up."""

    async def ask() -> Sequence[str]:
        return await resolver.addresses(hostname)

    try:
        found = await Deferred.fromCoroutine(ask()).addTimeout(seconds, clock)
    except (NoSuchDomain, ResolveFailed, TimeoutError):
        return []
    return sorted((each for each in found if ip_address(each).is_global), key=lambda a: ":" in a)
