"""iprev (RFC 8601 §3): whether the name of a client leads back to its address."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv6Address, ip_address

from mailhost.interfaces.dns import Found, Lookups, ask, ipv4_of, ipv6_of, ptr_of

MOST_NAMES = 5  # of one address that are asked about


class IPRevStatus(Enum):
    """The results of RFC 8601 §2.7.3."""

    PASS = "pass"
    FAIL = "fail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


@dataclass(frozen=True, slots=True)
class IPRevResult:
    """The result for an address; `name` is the name that leads back to it, empty for none."""

    status: IPRevStatus
    name: str = ""


def check_iprev(address: IPv4Address | IPv6Address) -> Lookups[IPRevResult]:
    """Return whether one of the names of `address` has this address."""
    reply = yield from ask(ptr_of(address.reverse_pointer))
    if reply.found is Found.FAILED:
        return IPRevResult(IPRevStatus.TEMPERROR)
    if not reply.records:
        return IPRevResult(IPRevStatus.PERMERROR)
    status = IPRevStatus.FAIL
    for name in reply.records[:MOST_NAMES]:
        question = ipv4_of(name) if isinstance(address, IPv4Address) else ipv6_of(name)
        found = yield from ask(question)
        if address in map(ip_address, found.records):
            return IPRevResult(IPRevStatus.PASS, name)
        if found.found is Found.FAILED:
            status = IPRevStatus.TEMPERROR
    return IPRevResult(status)
