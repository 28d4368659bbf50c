"""Checks the addresses of the host and their reverse names, and where mail of the domain goes."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address

from mailhost.dns_records.finding import DNSFinding, DNSVerdict, SeenRecord, could_not_ask, missing
from mailhost.dns_records.published.mx import alias_of, published_host
from mailhost.dns_records.record import DNSPlan, PlannedRecord, Topic
from mailhost.interfaces.dns import (
    Found,
    Lookups,
    MXRecord,
    ask,
    ipv4_of,
    ipv6_of,
    mx_of,
    ptr_of,
)


def check_mail(plan: DNSPlan) -> Lookups[list[DNSFinding]]:
    """Check the MX records (RFC 5321 §5.1)."""
    findings = []
    for record in plan.about(Topic.MAIL):
        tried = f"MX of {record.name}"
        alias = yield from alias_of(record.name)
        if alias:
            findings.append(_alias_finding(Topic.MAIL, record.name, alias))
            continue
        reply = yield from ask(mx_of(record.name))
        if reply.found is Found.FAILED:
            findings.append(could_not_ask(Topic.MAIL, tried, reply.trouble))
            continue
        findings.append(_exchangers(tried, record, plan.hostname, reply.records))
        for mx in reply.records:
            findings += yield from _exchanger(mx)
    return findings


def _exchangers(
    tried: str, record: PlannedRecord, hostname: str, found: Sequence[MXRecord]
) -> DNSFinding:
    """Compare the MX records with the one that is planned."""
    if not found:
        return missing(tried, record)
    seen = ", ".join(f"{mx.preference} {mx.host}." for mx in found)
    if any(not mx.host for mx in found):
        remedy = "Remove the null MX: it says that the domain takes no mail (RFC 7505)."
        remove = tuple(_seen(record.name, mx) for mx in found if not mx.host)
        return DNSFinding(Topic.MAIL, tried, DNSVerdict.HARMFUL, seen, remedy, (record,), remove)
    first = min(mx.preference for mx in found)
    own = [mx for mx in found if mx.host == hostname]
    others = [mx for mx in found if mx.host != hostname]
    if not own:
        remedy = f"Mail of the domain goes to other hosts: replace the MX records by {hostname}."
        remove = tuple(_seen(record.name, mx) for mx in others)
        return DNSFinding(Topic.MAIL, tried, DNSVerdict.DIFFERENT, seen, remedy, (record,), remove)
    if all(mx.preference != first for mx in own):
        remedy = f"Mail goes to other hosts first: give {hostname} the lowest number."
        return DNSFinding(Topic.MAIL, tried, DNSVerdict.DIFFERENT, seen, remedy)
    remedy = "Other hosts take mail of the domain too; remove them if they are not yours."
    return DNSFinding(Topic.MAIL, tried, DNSVerdict.RIGHT, seen, remedy if others else "")


def _seen(name: str, mx: MXRecord) -> SeenRecord:
    return SeenRecord(name, "MX", f"{mx.preference} {mx.host}.")


def _exchanger(mx: MXRecord) -> Lookups[list[DNSFinding]]:
    """Check the host of one MX record: it must have addresses and must be no alias
    (RFC 2181 §10.3)."""
    if not mx.host:
        return []
    host = yield from published_host(mx.host)
    if host.alias:
        return [_alias_finding(Topic.MAIL, mx.host, host.alias)]
    if host.addresses or host.trouble:
        return []
    remedy = f"Give {mx.host} an address, or remove its MX record."
    tried = f"addresses of {mx.host}, an MX host"
    return [DNSFinding(Topic.MAIL, tried, DNSVerdict.HARMFUL, "there is no address", remedy)]


def check_addresses(plan: DNSPlan) -> Lookups[list[DNSFinding]]:
    """Check the A and AAAA records of the host."""
    alias = yield from alias_of(plan.hostname)
    if alias:
        return [_alias_finding(Topic.ADDRESS, plan.hostname, alias)]
    planned = plan.about(Topic.ADDRESS)
    found: set[str] = set()
    for question in (ipv4_of(plan.hostname), ipv6_of(plan.hostname)):
        reply = yield from ask(question)
        if reply.found is Found.FAILED:
            tried = f"addresses of {plan.hostname}"
            return [could_not_ask(Topic.ADDRESS, tried, reply.trouble)]
        found.update(str(ip_address(each)) for each in reply.records)
    return list(_addresses(plan.hostname, planned, found))


def _addresses(hostname: str, planned: list[PlannedRecord], found: set[str]) -> list[DNSFinding]:
    tried = f"addresses of {hostname}"
    if not planned and not found:
        remedy = 'Add A and AAAA records; [dns] addresses = ["..."] adds them to the plan.'
        return [DNSFinding(Topic.ADDRESS, tried, DNSVerdict.MISSING, "there is no address", remedy)]
    findings = []
    lacking = [record for record in planned if record.data not in found]
    if lacking:
        text = ", ".join(record.data for record in lacking)
        findings.append(missing(tried, *lacking, seen=f"{text} is not there"))
    extra = sorted(found - {record.data for record in planned})
    if extra and planned:
        remedy = "Remove it, or add it to dns.addresses if it is an address of this host."
        seen = f"{', '.join(extra)} is there, and is not among the addresses of this host"
        remove = tuple(SeenRecord(hostname, "AAAA" if ":" in each else "A", each) for each in extra)
        findings.append(
            DNSFinding(Topic.ADDRESS, tried, DNSVerdict.DIFFERENT, seen, remedy, remove=remove)
        )
    if not findings:
        findings.append(
            DNSFinding(Topic.ADDRESS, tried, DNSVerdict.RIGHT, ", ".join(sorted(found)))
        )
    return findings


def check_reverse(plan: DNSPlan) -> Lookups[list[DNSFinding]]:
    """Check that each address has a name that leads back to it (RFC 8601 §3, iprev)."""
    findings = []
    for record in plan.about(Topic.REVERSE):
        findings.append((yield from _reverse(record, plan)))
    return findings


def _reverse(record: PlannedRecord, plan: DNSPlan) -> Lookups[DNSFinding]:
    address = next(
        each.data
        for each in plan.about(Topic.ADDRESS)
        if ip_address(each.data).reverse_pointer == record.name
    )
    tried = f"reverse name of {address}"
    reply = yield from ask(ptr_of(record.name))
    if reply.found is Found.FAILED:
        return could_not_ask(Topic.REVERSE, tried, reply.trouble)
    if plan.hostname in reply.records:
        return DNSFinding(Topic.REVERSE, tried, DNSVerdict.RIGHT, plan.hostname)
    ask_for = f"Ask the provider of the address for the name {plan.hostname}."
    if not reply.records:
        if ":" in address:
            ask_for += ' Until then send by IPv4 alone: relay.families = "ipv4".'
        seen = "there is no record"
        return DNSFinding(Topic.REVERSE, tried, DNSVerdict.MISSING, seen, ask_for, (record,))
    name = reply.records[0]
    back = yield from ask(ipv6_of(name) if ":" in address else ipv4_of(name))
    if address in map(str, map(ip_address, back.records)):
        return DNSFinding(Topic.REVERSE, tried, DNSVerdict.DIFFERENT, name, ask_for)
    seen = f"{name}, which does not lead back to {address}"
    return DNSFinding(Topic.REVERSE, tried, DNSVerdict.HARMFUL, seen, ask_for)


def _alias_finding(topic: Topic, name: str, target: str) -> DNSFinding:
    text = "a name with a CNAME can have no other records, and no MX may lead to it"
    remedy = f"Replace the CNAME by the records themselves: {text} (RFC 2181 §10)."
    remove = (SeenRecord(name, "CNAME", f"{target}."),)
    seen = f"it is another name (CNAME) of {target}"
    return DNSFinding(topic, f"records of {name}", DNSVerdict.HARMFUL, seen, remedy, remove=remove)
