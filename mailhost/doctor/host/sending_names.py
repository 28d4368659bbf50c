"""Checks the names and addresses with which mail of single sender domains leaves
(`[domain.X.sending]`): that the name in EHLO leads to each public address, and that each public
address of the domain has a reverse name that leads back to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from twisted.internet.interfaces import IReactorTime

from mailhost.concurrency.side_by_side import side_by_side
from mailhost.config.model import Settings
from mailhost.dns_records.addresses import machine_addresses
from mailhost.dns_records.from_settings import is_in_dns
from mailhost.doctor.checks import Check
from mailhost.doctor.finding import Finding, failure, ok
from mailhost.doctor.grouped import by_silence, grouped
from mailhost.doctor.host.host_name import (
    ADDRESS_NOT_OF_NAME,
    SECONDS,
    TOPIC,
    address_record,
    addresses_of,
    has_address,
    reverse_name,
)
from mailhost.doctor.unanswered import unanswered
from mailhost.interfaces.dns import ILookUp, Lookups, ask, ptr_of
from mailhost.net.dns.lookups import run_lookups

LOOKUP_SECONDS = 3.5  # for all look-ups about one name
MOST_NAMED = 5  # domains


@dataclass(frozen=True, slots=True)
class _Sending:
    """How mail of some domains leaves: the name in EHLO, and the public addresses. `own` is true
    for addresses of these domains alone, false for those that all mail has."""

    hello: str
    addresses: tuple[str, ...]
    own: bool


def sending_names_check(
    settings: Settings,
    resolver: ILookUp,
    clock: IReactorTime,
    machine: Callable[[], Sequence[str]] = machine_addresses,
) -> Check:
    """Return the check. `machine` returns the public addresses of this machine."""

    async def run() -> Sequence[Finding]:
        machines = [_findings(*each) for each in _domains(settings, machine).items()]
        found = await side_by_side(
            run_lookups(each, resolver, clock, LOOKUP_SECONDS) for each in machines
        )
        return grouped([finding for some in found for finding in some], by_silence)

    return Check(TOPIC, "names and addresses of sender domains", SECONDS, run)


def _domains(settings: Settings, machine: Callable[[], Sequence[str]]) -> dict[_Sending, list[str]]:
    """Return the domains with something of their own that other hosts can look up, by what they
    have."""
    found: dict[_Sending, list[str]] = {}
    for domain, sending in settings.sending_by_domain.items():
        hello = sending.hello or settings.hostname
        if not (sending.address or hello != settings.hostname) or not is_in_dns(settings, hello):
            continue
        used = sending.address or settings.relay.bind or machine()
        public = tuple(each for each in used if ip_address(each).is_global)
        if public:
            found.setdefault(_Sending(hello, public, bool(sending.address)), []).append(domain)
    return found


def _findings(sending: _Sending, domains: Sequence[str]) -> Lookups[list[Finding]]:
    forward = yield from addresses_of(sending.hello)
    if forward is None:
        return [unanswered(f"addresses of {sending.hello}", "")]
    found = []
    for address in sending.addresses:
        if not has_address(forward, address):
            found.append(_not_of_name(sending.hello, domains, forward, address))
        elif sending.own:
            reply = yield from ask(ptr_of(ip_address(address).reverse_pointer))
            found.append((yield from reverse_name(sending.hello, address, reply)))
        else:
            found.append(ok(f"addresses of {sending.hello}", ", ".join(forward)))
    return found


def _not_of_name(
    hello: str, domains: Sequence[str], forward: Sequence[str], address: str
) -> Finding:
    named = ", ".join(domains[:MOST_NAMED]) + (" and others" if len(domains) > MOST_NAMED else "")
    has = "other addresses" if forward else "no address"
    seen = f"it greets as {hello}, and DNS has {has} for {hello}"
    remedy = f"Publish the address in DNS, or correct the table `sending` of {named}:"
    record = address_record(hello, address)
    return failure(ADDRESS_NOT_OF_NAME, f"mail of {named} from {address}", seen, remedy, record)
