"""Decides whether a public server of a domain can have an address."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from typing import TypeAlias

from mailhost.doctor.context import DoctorContext
from mailhost.interfaces.dns import is_for_tests
from mailhost.message.domains import is_at_or_below

PRIVATE = "internal"  # never delegated in the public DNS
Reachable: TypeAlias = Callable[[str], bool]


def reachable_for(context: DoctorContext, domain: str) -> Reachable:
    """Return a function that says whether other hosts can reach an address of a domain. Names for
    tests and of private networks may have any address, and all domains those of loopback if the
    settings allow mail to go there."""
    private = is_for_tests(domain) or is_at_or_below(domain, PRIVATE)
    loopback = context.loaded is not None and context.loaded.settings.relay.allow_loopback

    def reachable(address: str) -> bool:
        found = ip_address(address)
        if private or (loopback and found.is_loopback):
            return True
        return found.is_global and not found.is_multicast

    return reachable
