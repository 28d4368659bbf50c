"""The DNS records of the playground: those of each host's own plan, and those of the zones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mailhost.config.model import Settings
from mailhost.dns_records.facts import (
    AddressSource,
    CertificateKey,
    HostAddresses,
    HostCertificates,
)
from mailhost.dns_records.from_settings import domain_facts, host_facts
from mailhost.dns_records.plan import make_plan
from mailhost.dns_records.record import DNSPlan, PlannedRecord
from mailhost.interfaces.signing import DomainKey
from mailhost.playground.dns_server import Records
from mailhost.playground.hosts import HostNames
from mailhost.playground.ports import DNS_ADDRESS

SERVER = "ns.playground.internal"
LONGEST_STRING = 255  # octets of one string of a TXT record (RFC 1035 §3.3)
Rows = dict[str, list[list[Any]]]


def plans_of(
    host: HostNames, settings: Settings, keys: Sequence[DomainKey], certificate: CertificateKey
) -> Iterator[DNSPlan]:
    """Yield the plan of each domain of a host, and of its own name. `keys` are those of all,
    `certificate` is that of the host's certificate."""
    addresses = HostAddresses((host.address,), AddressSource.SETTINGS)
    about = host_facts(settings, addresses, certificates=HostCertificates((certificate,)))
    for name in host.names:
        own = [key for key in keys if key.domain == name]
        yield make_plan(about, domain_facts(settings, name, name in host.domains, name, own))


def records_of(plans: Sequence[DNSPlan]) -> Records:
    """Return the records of these plans and of the DNS server, by name."""
    rows: Rows = {SERVER: [["A", DNS_ADDRESS]]}
    for plan in plans:
        _add(rows, plan.domain, ["NS", SERVER])
        for record in plan.records:
            _add(rows, record.name, _row(record))
    return rows


def _add(rows: Rows, name: str, row: list[Any]) -> None:
    known = rows.setdefault(name.lower(), [])
    if row not in known:
        known.append(row)


def _row(record: PlannedRecord) -> list[Any]:
    """Return a record of a plan, whose data is in the form of zone files."""
    if record.kind == "TXT":
        return ["TXT", *strings_of(record.data)]
    *numbers, last = record.data.split()
    return [record.kind, *map(int, numbers), last.removesuffix(".")]  # no CAA record is planned


def strings_of(text: str) -> list[str]:
    """Return the strings of a TXT record."""
    return [text[at : at + LONGEST_STRING] for at in range(0, len(text), LONGEST_STRING)]
