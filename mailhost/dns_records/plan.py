"""Makes the plan of a domain: every record that it needs, in the order of importance. The records
about TLS and the web listener are in `plan_of_tls`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from ipaddress import ip_address

from mailhost.dns_records.facts import AddressSource, DomainFacts, HostFacts
from mailhost.dns_records.mailto import mailto
from mailhost.dns_records.plan_of_tls import caa, mta_sts, tls_reports, tlsa, web_names
from mailhost.dns_records.record import DNSPlan, Kind, PlannedRecord, Topic
from mailhost.interfaces.signing import KeyState
from mailhost.message.domains import is_at_or_below

_KEY_PURPOSE = {
    KeyState.COMING: "the {} key that signs once DNS shows it",
    KeyState.ACTIVE: "the {} key that signs now",
    KeyState.RETIRED: "the {} key that signs no more; mail signed with it may still be on its way",
}


def make_plan(host: HostFacts, own: DomainFacts) -> DNSPlan:
    """Return the plan of a domain, or of the host's own name."""
    records = tuple(record for part in _PARTS for record in part(host, own))
    notes = tuple(_notes(host, own))
    authority, sts = host.certificates.authority, own.sts if own.receives else None
    return DNSPlan(own.domain, host.hostname, own.signer, records, notes, authority, sts)


def _mail(host: HostFacts, own: DomainFacts) -> Iterator[PlannedRecord]:
    if own.receives:
        purpose = "Mail for the domain is sent to this host."
        yield PlannedRecord(own.domain, "MX", f"10 {host.hostname}.", Topic.MAIL, purpose)


def _addresses(host: HostFacts, own: DomainFacts) -> Iterator[PlannedRecord]:
    for address in sorted(host.addresses.found, key=lambda each: ":" in each):
        kind: Kind = "AAAA" if ":" in address else "A"
        purpose = f"The IPv{6 if kind == 'AAAA' else 4} address of this host."
        yield PlannedRecord(host.hostname, kind, address, Topic.ADDRESS, purpose)


def _reverse(host: HostFacts, own: DomainFacts) -> Iterator[PlannedRecord]:
    purpose = "The name of this address; many hosts refuse mail from an address without one."
    for address in host.addresses.found:
        name = ip_address(address).reverse_pointer
        yield PlannedRecord(name, "PTR", f"{host.hostname}.", Topic.REVERSE, purpose)


def _spf(host: HostFacts, own: DomainFacts) -> Iterator[PlannedRecord]:
    if own.domain != host.hostname:
        purpose = "The addresses from which mail of the domain comes (SPF)."
        text = _spf_text(host, own.spf, "~all")
        yield PlannedRecord(own.domain, "TXT", text, Topic.SPF, purpose)
    purpose = "The addresses that may greet with the name of this host (SPF of HELO, for bounces)."
    text = _spf_text(host, host.spf, "~all" if host.receives else "-all")
    yield PlannedRecord(host.hostname, "TXT", text, Topic.SPF, purpose)


def _spf_text(host: HostFacts, mechanisms: Sequence[str], end: str) -> str:
    """Return an SPF record. Addresses are written out, as they take none of the ten look-ups of
    RFC 7208 §4.6.4. `~all` leaves the refusal to DMARC: with `-all` some hosts refuse forwarded
    mail before they look at its signature (RFC 7489 §10.1)."""
    addresses = dict.fromkeys([*host.addresses.found, *host.senders])
    terms = [f"ip{6 if ':' in each else 4}:{each}" for each in addresses]
    if not host.addresses.found:
        terms.insert(0, f"a:{host.hostname}")
    return " ".join(["v=spf1", *dict.fromkeys([*terms, *mechanisms]), end])


def _dkim(host: HostFacts, own: DomainFacts) -> Iterator[PlannedRecord]:
    for key in own.keys:
        if key.state in _KEY_PURPOSE:
            purpose = _KEY_PURPOSE[key.state].format(_ALGORITHMS.get(key.algorithm, key.algorithm))
            text = f"DKIM: {purpose}."
            yield PlannedRecord(key.name, "TXT", key.record, Topic.DKIM, text)


_ALGORITHMS = {"rsa": "RSA", "ed25519": "Ed25519"}


def _dmarc(host: HostFacts, own: DomainFacts) -> Iterator[PlannedRecord]:
    reports = own.reports
    if own.policy_of and not reports:
        return  # a record with p=none would be weaker than the one above may be
    text = f"v=DMARC1; p=none; rua={mailto(reports)}" if reports else "v=DMARC1; p=none"
    purpose = "The policy for mail that fails (DMARC). Begin with p=none; keep a stricter record."
    yield PlannedRecord(f"_dmarc.{own.domain}", "TXT", text, Topic.DMARC, purpose)
    if reports and not _same_tree(reports.domain, own.domain):
        name = f"{own.domain}._report._dmarc.{reports.domain}"
        purpose = f"{reports.domain} consents to reports about {own.domain}."
        yield PlannedRecord(name, "TXT", "v=DMARC1", Topic.REPORTS, purpose)


def _same_tree(one: str, other: str) -> bool:
    return is_at_or_below(one, other) or is_at_or_below(other, one)


def _services(host: HostFacts, own: DomainFacts) -> Iterator[PlannedRecord]:
    for service in host.services if own.receives else ():
        priority = 0 if service.preferred else 10
        name = service.label.partition(".")[0].removeprefix("_")
        purpose = f"Mail programs find the service {name} of the domain by this record."
        data = f"{priority} 1 {service.port} {host.hostname}."
        yield PlannedRecord(f"{service.label}.{own.domain}", "SRV", data, Topic.SERVICE, purpose)


_PARTS: tuple[Callable[[HostFacts, DomainFacts], Iterator[PlannedRecord]], ...] = (
    _mail,
    _addresses,
    _reverse,
    _spf,
    _dkim,
    _dmarc,
    _services,
    web_names,
    mta_sts,
    tls_reports,
    tlsa,
    caa,
)


def _notes(host: HostFacts, own: DomainFacts) -> Iterator[str]:
    addresses = host.addresses
    if addresses.source is AddressSource.UNKNOWN:
        yield (
            f"The addresses of {host.hostname} are not known, so its A, AAAA and PTR records are "
            'missing here: write them in the settings, as [dns] addresses = ["..."].'
        )
    for address in addresses.other:
        yield (
            f"This machine reaches other hosts from {address}, which is not among the addresses "
            f"of {host.hostname}. If mail leaves from there, add it to dns.addresses."
        )
    for route in own.unknown_routes:
        yield (
            f"Mail of the domain leaves through {route}. Ask the provider of that host for the SPF "
            'mechanism of its hosts, and write it in the settings, such as [dns] spf = ["include:'
            '_spf.isp.example"].'
        )
    if not own.signer:
        yield "Mail of the domain is not signed (DKIM), as the settings say."
    elif not own.keys:
        yield (
            f"{own.signer} has no DKIM key yet. The host makes its keys when it runs, and "
            f"`mailhost dkim make {own.signer}` at once; then print the records again."
        )
    for key in own.keys:
        if key.state is KeyState.REMOVABLE:
            yield f"The TXT record at {key.name} is no longer used; remove it."
    if own.policy_of and not own.reports:
        yield f"The DMARC record of {own.policy_of} applies to {own.domain} too."
    elif not own.reports:
        yield (
            "No address takes DMARC reports, so the DMARC record has no rua: without reports it is "
            "not known which mail fails. Write an address in the settings, such as [dmarc] reports "
            f'= {{ "{own.domain}" = "dmarc@{own.domain}" }}.'
        )
