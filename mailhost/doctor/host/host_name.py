"""Checks the host's name and its addresses in DNS: that the name has addresses, and that each
public address has a name that leads back to it (forward-confirmed reverse DNS).

The addresses are those of `dns.addresses`, else those that DNS has for the host's name, and those
of this machine, from which mail may leave. DNS is not asked for the demo, nor for names for tests.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import ip_address

from twisted.internet.interfaces import IReactorTime

from mailhost.concurrency.side_by_side import side_by_side
from mailhost.config.model import Settings
from mailhost.dns_records.addresses import machine_addresses
from mailhost.dns_records.from_settings import is_in_dns
from mailhost.doctor.checks import Check
from mailhost.doctor.finding import Fault, Finding, failure, ok, warning
from mailhost.doctor.grouped import by_silence, grouped
from mailhost.doctor.unanswered import unanswered
from mailhost.interfaces.dns import (
    Found,
    ILookUp,
    Lookups,
    Reply,
    ask,
    ipv4_of,
    ipv6_of,
    ptr_of,
)
from mailhost.net.dns.lookups import run_lookups

HOST_NAME_MISSING = Fault(
    "host-name-not-in-dns",
    "Other hosts cannot deliver to a name without addresses, and refuse mail from one.",
)
ADDRESS_NOT_OF_NAME = Fault(
    "host-address-not-in-dns",
    "Other hosts compare the address that mail comes from with those of the host's name.",
)
PTR_MISSING = Fault("ptr-missing", "Large receivers refuse mail from addresses without a name.")
PTR_ASTRAY = Fault(
    "ptr-not-confirmed",
    "Large receivers refuse mail from an address whose name does not lead back to it.",
)
PTR_OTHER = Fault(
    "ptr-other-name",
    "Some receivers distrust an address whose name is not the one in the greeting.",
)
TOPIC = "Host name"
SECONDS = 3.8
LOOKUP_SECONDS = 1.7  # for the addresses of the name, and then for each address
MOST_NAMES = 5  # reverse names of one address


def host_name_check(
    settings: Settings,
    resolver: ILookUp,
    clock: IReactorTime,
    own: Callable[[], Sequence[str]] = machine_addresses,
) -> Check:
    """Return the check. `own` returns the public addresses of this machine."""

    async def run() -> Sequence[Finding]:
        name = settings.hostname
        if not is_in_dns(settings, name):
            return [ok(f"name {name}", "a name for tests: DNS was not asked")]
        forward = await run_lookups(addresses_of(name), resolver, clock, LOOKUP_SECONDS)
        if forward is None:
            return [unanswered(f"addresses of {name}", "")]
        known = settings.dns.addresses or [each for each in forward if ip_address(each).is_global]
        addresses = list(dict.fromkeys([*known, *_senders(settings, own)]))
        if not forward:
            return [_no_addresses(name, addresses)]
        machines = [_of_address(name, forward, address) for address in addresses]
        found = await side_by_side(
            run_lookups(each, resolver, clock, LOOKUP_SECONDS) for each in machines
        )
        good = ok(f"addresses of {name}", ", ".join(forward))
        return grouped([good, *(finding for some in found for finding in some)], by_silence)

    return Check(TOPIC, "name and addresses of this host", SECONDS, run)


def _senders(settings: Settings, own: Callable[[], Sequence[str]]) -> Sequence[str]:
    """Return the public addresses from which mail leaves."""
    bound = settings.relay.bind
    return [each for each in (bound or own()) if ip_address(each).is_global]


def addresses_of(name: str) -> Lookups[list[str] | None]:
    """Return the addresses of a name, None if DNS does not say."""
    v4 = yield from ask(ipv4_of(name))
    v6 = yield from ask(ipv6_of(name))
    found = [*v4.records, *v6.records]
    failed = Found.FAILED in (v4.found, v6.found)
    return None if failed and not found else found


def _no_addresses(name: str, addresses: Sequence[str]) -> Finding:
    remedy = "Publish the public addresses of this host in DNS, as A and AAAA records of its name."
    lines = [address_record(name, each) for each in addresses]
    seen = "DNS has no address for this name"
    return failure(HOST_NAME_MISSING, f"addresses of {name}", seen, remedy, *lines)


def _not_of_name(name: str, address: str) -> Finding:
    remedy = (
        "Publish the address in DNS; if mail is not to leave from it, name another one as bind in "
        "[relay], or correct dns.addresses:"
    )
    seen = f"DNS has other addresses for {name}"
    record = address_record(name, address)
    return failure(ADDRESS_NOT_OF_NAME, f"address {address}", seen, remedy, record)


def _of_address(name: str, forward: Sequence[str], address: str) -> Lookups[list[Finding]]:
    """Return the findings about one address. `forward` are those that the name leads to."""
    reply = yield from ask(ptr_of(ip_address(address).reverse_pointer))
    if has_address(forward, address):
        return [(yield from reverse_name(name, address, reply))]
    missing = _not_of_name(name, address)
    if name in reply.records:
        return [missing]  # the reverse name leads back once the address is published
    return [missing, (yield from reverse_name(name, address, reply))]


def reverse_name(name: str, address: str, reply: Reply[str]) -> Lookups[Finding]:
    """Return the finding about the reverse name of an address."""
    tried = f"reverse name of {address}"
    line = f"{ip_address(address).reverse_pointer}. PTR {name}."
    if reply.found is Found.FAILED:
        return unanswered(tried, reply.trouble)
    if not reply.records:
        remedy = "Ask the provider of the address to set its reverse name (PTR record):"
        return failure(PTR_MISSING, tried, "the address has no name", remedy, line)
    confirmed = []
    for each in reply.records[:MOST_NAMES]:
        if (yield from _leads_to(each, address)):
            confirmed.append(each)
    names = ", ".join(reply.records[:MOST_NAMES])
    if not confirmed:
        seen = f"the name is {names}, which DNS does not lead back to {address}"
        remedy = "Ask the provider of the address to set its reverse name (PTR record):"
        return failure(PTR_ASTRAY, tried, seen, remedy, line)
    if name not in confirmed:
        remedy = "Ask the provider to set the name of this host instead:"
        seen = f"the name is {names}, and the host greets as {name}"
        return warning(PTR_OTHER, tried, seen, remedy, line)
    return ok(tried, f"{name}, which leads back to the address")


def _leads_to(name: str, address: str) -> Lookups[bool]:
    reply = yield from ask(ipv6_of(name) if ":" in address else ipv4_of(name))
    return has_address(reply.records, address)


def has_address(addresses: Sequence[str], address: str) -> bool:
    """True if the address is there, perhaps in another form."""
    wanted = ip_address(address)
    return any(ip_address(each) == wanted for each in addresses)


def address_record(name: str, address: str) -> str:
    """Return the line of a zone file for an address of a name."""
    return f"{name}. {'AAAA' if ':' in address else 'A'} {address}"
