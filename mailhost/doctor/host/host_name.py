"""Checks the host's name and its addresses in DNS: that the name has addresses, and that each
public address has a name that leads back to it (forward-confirmed reverse DNS).

The addresses are those of `dns.addresses`, else those that DNS has for the host's name, and those
of this machine, from which mail may leave. DNS is not asked for the demo, nor for names for tests.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from mailhost.config.model import Settings
from mailhost.dns_records.addresses import machine_addresses
from mailhost.dns_records.from_settings import is_in_dns
from mailhost.doctor.checks import Check
from mailhost.doctor.finding import Fault, Finding, failure, ok, unknown, warning
from mailhost.doctor.network.resolvers import RESOLVER_SILENT
from mailhost.interfaces.dns import Found, ILookUp, Reply, ipv4_of, ipv6_of, ptr_of

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
SECONDS = 4.5
MOST_NAMES = 5  # reverse names of one address
_NO_ANSWER = "Mend the resolver first, then run the doctor again."


def host_name_check(
    settings: Settings,
    resolver: ILookUp,
    own: Callable[[], Sequence[str]] = machine_addresses,
) -> Check:
    """Return the check. `own` returns the public addresses of this machine."""

    async def run() -> Sequence[Finding]:
        name = settings.hostname
        if not is_in_dns(settings, name):
            return [ok(f"name {name}", "a name for tests: DNS was not asked")]
        forward = await _addresses(resolver, name)
        if forward is None:
            return [_not_found_out(f"addresses of {name}")]
        known = settings.dns.addresses or [each for each in forward if ip_address(each).is_global]
        addresses = list(dict.fromkeys([*known, *own()]))
        if not forward:
            return [_no_addresses(name, addresses)]
        found = await gatherResults(
            [Deferred.fromCoroutine(_of_address(resolver, name, forward, a)) for a in addresses]
        )
        good = ok(f"addresses of {name}", ", ".join(forward))
        return [good, *(finding for some in found for finding in some)]

    return Check(TOPIC, "name and addresses of this host", SECONDS, run)


async def _addresses(resolver: ILookUp, name: str) -> list[str] | None:
    """Return the addresses of a name, None if DNS does not say."""
    replies: list[Reply[str]] = await gatherResults(
        [
            Deferred.fromCoroutine(_reply(resolver, ipv4_of(name))),
            Deferred.fromCoroutine(_reply(resolver, ipv6_of(name))),
        ]
    )
    found = [record for reply in replies for record in reply.records]
    failed = any(reply.found is Found.FAILED for reply in replies)
    return None if failed and not found else found


async def _reply(resolver: ILookUp, question: Any) -> Reply[str]:
    return await resolver.look_up(question)


def _no_addresses(name: str, addresses: Sequence[str]) -> Finding:
    remedy = "Publish the addresses of this host in the DNS of its domain:"
    lines = [_record(name, each) for each in addresses] or [f"{name}. A 192.0.2.1"]
    seen = "DNS has no address for this name"
    return failure(HOST_NAME_MISSING, f"addresses of {name}", seen, remedy, *lines)


def _not_of_name(name: str, address: str) -> Finding:
    remedy = "Publish the address in DNS, or correct dns.addresses in the settings:"
    seen = f"DNS has other addresses for {name}"
    record = _record(name, address)
    return failure(ADDRESS_NOT_OF_NAME, f"address {address}", seen, remedy, record)


async def _of_address(
    resolver: ILookUp, name: str, forward: Sequence[str], address: str
) -> list[Finding]:
    """Return the findings about one address. `forward` are those that the name leads to."""
    reply = await resolver.look_up(ptr_of(ip_address(address).reverse_pointer))
    if _has(forward, address):
        return [await _reverse(resolver, name, address, reply)]
    missing = _not_of_name(name, address)
    if name in reply.records:
        return [missing]  # when that is mended, the reverse name leads back
    return [missing, await _reverse(resolver, name, address, reply)]


async def _reverse(resolver: ILookUp, name: str, address: str, reply: Reply[str]) -> Finding:
    """Return the finding about the reverse name of an address."""
    tried = f"reverse name of {address}"
    line = f"{ip_address(address).reverse_pointer}. PTR {name}."
    if reply.found is Found.FAILED:
        return _not_found_out(tried)
    if not reply.records:
        remedy = "Ask the provider of the address to set its reverse name (PTR record):"
        return failure(PTR_MISSING, tried, "the address has no name", remedy, line)
    confirmed = [
        each for each in reply.records[:MOST_NAMES] if await _leads_to(resolver, each, address)
    ]
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


async def _leads_to(resolver: ILookUp, name: str, address: str) -> bool:
    question = ipv6_of(name) if ":" in address else ipv4_of(name)
    reply = await resolver.look_up(question)
    return _has(reply.records, address)


def _has(addresses: Sequence[str], address: str) -> bool:
    wanted = ip_address(address)
    return any(ip_address(each) == wanted for each in addresses)


def _record(name: str, address: str) -> str:
    return f"{name}. {'AAAA' if ':' in address else 'A'} {address}"


def _not_found_out(tried: str) -> Finding:
    return unknown(RESOLVER_SILENT, tried, "DNS gave no answer", _NO_ANSWER)
