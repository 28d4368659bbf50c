"""Checks SPF records by evaluating them: for the addresses of this host, and for an address of
strangers.

The record need not be that of the plan: one that lets this host send, and strangers not, is right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address

from mailhost.dns_records.finding import DNSFinding, DNSVerdict, SeenRecord, could_not_ask, missing
from mailhost.dns_records.published.spf import published_spf, spf_result
from mailhost.dns_records.record import DNSPlan, PlannedRecord, Topic
from mailhost.dns_records.zone import txt_data
from mailhost.interfaces.dns import Found, Lookups
from mailhost.spf.check import MOST_TERMS, SPFResult, SPFStatus
from mailhost.spf.record import BadRecord, parse_record

_CLOSE = MOST_TERMS - 2  # look-ups from which a record is close to the limit


def check_spf(plan: DNSPlan) -> Lookups[list[DNSFinding]]:
    """Check the records of the domain and of the host's name."""
    findings = []
    for record in plan.about(Topic.SPF):
        findings.append((yield from _check(record, plan)))
    return findings


def _check(record: PlannedRecord, plan: DNSPlan) -> Lookups[DNSFinding]:
    tried = f"SPF of {record.name}"
    own = _own_addresses(record)
    families = {ip_address(each).version for each in own} or {4, 6}
    published = yield from published_spf(record.name, plan.hostname, families)
    found = published.texts
    if published.reply.found is Found.FAILED:
        return could_not_ask(Topic.SPF, tried, published.reply.trouble)
    if not found:
        return missing(tried, record)
    if len(found) > 1:
        return _several(tried, record, found)
    for result in published.strangers:
        fault = _fault_for_strangers(tried, record, found[0], result)
        if fault is not None:
            return fault
    for address in own:
        result = yield from spf_result(address, record.name, plan.hostname)
        if result.status is not SPFStatus.PASS:
            return _refused(tried, record, found[0], address, result)
    return _judged(tried, record, found[0], published.strangers)


def _several(tried: str, record: PlannedRecord, found: Sequence[bytes]) -> DNSFinding:
    seen = "several SPF records, so none of them is used (RFC 7208 §4.5)"
    remedy = "Leave one, with the mechanisms of all."
    remove = tuple(SeenRecord(record.name, "TXT", txt_data(text)) for text in found)
    add = (_united(record, found),)
    return DNSFinding(Topic.SPF, tried, DNSVerdict.HARMFUL, seen, remedy, add, remove)


def _refused(
    tried: str, record: PlannedRecord, text: bytes, address: str, result: SPFResult
) -> DNSFinding:
    seen = f"{_shown(text)}: {result.status.value} for {address}, which sends mail"
    remedy = "Add the addresses of this host."
    return _in_the_way(tried, _merged(record, text), text, seen, remedy)


def _fault_for_strangers(
    tried: str, record: PlannedRecord, text: bytes, result: SPFResult
) -> DNSFinding | None:
    """Return what is wrong with the result for a stranger, None if nothing is harmful."""
    if result.status is SPFStatus.TEMPERROR:
        return could_not_ask(Topic.SPF, tried, result.reason)
    if result.status is SPFStatus.PERMERROR:
        remedy = "Correct the record: with this fault receivers ignore all of it, or refuse."
        return _in_the_way(tried, record, text, f"{_shown(text)}: {result.reason}", remedy)
    if result.status is SPFStatus.PASS:
        seen = f"{_shown(text)}: it allows every address ({result.mechanism})"
        return _in_the_way(tried, record, text, seen, "Name the addresses that send.")
    return None


def _judged(
    tried: str, record: PlannedRecord, text: bytes, strangers: Sequence[SPFResult]
) -> DNSFinding:
    """Judge a record that has no fault, and passes for this host."""
    terms = max(result.terms for result in strangers)
    seen = f"{_shown(text)} ({terms} of {MOST_TERMS} look-ups)"
    add = (_merged(record, text),)
    lacking = sorted(_includes(record.data.encode()) - _includes(text))
    remove = (SeenRecord(record.name, "TXT", txt_data(text)),)
    if lacking:
        remedy = f"Add {' '.join(lacking)}: mail leaves through these hosts too."
        return DNSFinding(Topic.SPF, tried, DNSVerdict.DIFFERENT, seen, remedy, add, remove)
    if any(each.status not in (SPFStatus.FAIL, SPFStatus.SOFTFAIL) for each in strangers):
        remedy = "End the record with ~all: as it is, it says nothing about strangers."
        return DNSFinding(Topic.SPF, tried, DNSVerdict.DIFFERENT, seen, remedy, add, remove)
    remedy = ""
    if terms > _CLOSE:
        remedy = "The record is close to the limit: write addresses in place of names."
    return DNSFinding(Topic.SPF, tried, DNSVerdict.RIGHT, seen, remedy)


def _united(record: PlannedRecord, texts: Sequence[bytes]) -> PlannedRecord:
    """Return one record with the mechanisms of several, and those of the plan; that of the plan
    where they cannot be read."""
    try:
        mechanisms = [each for text in texts for each in parse_record(text).mechanisms]
    except BadRecord:
        return record
    terms = dict.fromkeys(each.text for each in mechanisms if each.kind != "all")
    return _merged(record, " ".join(["v=spf1", *terms]).encode())


def _merged(record: PlannedRecord, text: bytes) -> PlannedRecord:
    """Return the record in DNS with the mechanisms of the plan that it lacks, in front."""
    *own, end = record.data.split()[1:]
    terms = [term for term in text.decode("ascii").split()[1:] if term.lower() != "?all"]
    new = [term for term in own if term not in terms]
    ended = any(
        term.lower().lstrip("+-~?") == "all" or term.lower().startswith("redirect=")
        for term in terms
    )
    data = " ".join(["v=spf1", *new, *terms, *([] if ended else [end])])
    return replace(record, data=data)


def _shown(text: bytes) -> str:
    return text.decode("ascii", "backslashreplace")


def _in_the_way(
    tried: str, record: PlannedRecord, text: bytes, seen: str, remedy: str
) -> DNSFinding:
    remove = (SeenRecord(record.name, "TXT", txt_data(text)),)
    return DNSFinding(Topic.SPF, tried, DNSVerdict.HARMFUL, seen, remedy, (record,), remove)


def _own_addresses(record: PlannedRecord) -> list[str]:
    """Return the addresses that the planned record lets send."""
    networks = (each.network for each in parse_record(record.data.encode()).mechanisms)
    return [
        str(network.network_address)
        for network in networks
        if network is not None and network.num_addresses == 1
    ]


def _includes(text: bytes) -> set[str]:
    return {each.text.lower() for each in parse_record(text).mechanisms if each.kind == "include"}
