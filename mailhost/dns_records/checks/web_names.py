"""Checks that the names of the web listener lead to this host, by a CNAME or by addresses."""

from __future__ import annotations

from mailhost.dns_records.finding import DNSFinding, DNSVerdict, SeenRecord, could_not_ask, missing
from mailhost.dns_records.published.mx import published_host
from mailhost.dns_records.record import DNSPlan, PlannedRecord, Topic
from mailhost.interfaces.dns import Lookups


def check_web_names(plan: DNSPlan) -> Lookups[list[DNSFinding]]:
    """Check each name of the plan."""
    findings = []
    for record in plan.about(Topic.WEB):
        findings.append((yield from _check(record, plan)))
    return findings


def _check(record: PlannedRecord, plan: DNSPlan) -> Lookups[DNSFinding]:
    tried = f"name {record.name}"
    host = yield from published_host(record.name)
    if host.alias == plan.hostname:
        return DNSFinding(Topic.WEB, tried, DNSVerdict.RIGHT, f"another name of {host.alias}")
    if host.trouble:
        return could_not_ask(Topic.WEB, tried, host.trouble)
    if not host.addresses and not host.alias:
        return missing(tried, record)
    own = yield from published_host(plan.hostname)
    planned = {each.data for each in plan.about(Topic.ADDRESS)} | set(own.addresses)
    seen = ", ".join(host.addresses)
    if host.addresses and set(host.addresses) <= planned:
        return DNSFinding(Topic.WEB, tried, DNSVerdict.RIGHT, seen)
    remedy = f"Replace it, unless a web server there passes requests on to {plan.hostname}."
    seen = f"another name of {host.alias}" if host.alias else seen
    seen = f"{seen}, and not this host"
    if host.alias:
        remove: tuple[SeenRecord, ...] = (SeenRecord(record.name, "CNAME", f"{host.alias}."),)
    else:
        kinds = ((each, "AAAA" if ":" in each else "A") for each in host.addresses)
        remove = tuple(SeenRecord(record.name, kind, each) for each, kind in kinds)
    return DNSFinding(Topic.WEB, tried, DNSVerdict.DIFFERENT, seen, remedy, (record,), remove)
