"""Plans as text: a fragment of a zone file (RFC 1035 §5.1), commands of nsupdate, and JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from mailhost.dns_records.folding import comment
from mailhost.dns_records.record import DNSPlan, Place, PlannedRecord, Topic
from mailhost.message.address import unicode_domain

TTL = 3600  # seconds that resolvers may keep a record
LONGEST_STRING = 255  # octets of one string in a TXT record (RFC 1035 §3.3)
_HEADINGS = {
    Place.DOMAIN: "In the zone of {domain}:",
    Place.ELSEWHERE: "In the zones of these names, if that is not the one above:",
    Place.REVERSE: "Set by the provider of the addresses; ask for it there:",
}


def zone_text(plan: DNSPlan, width: int) -> Iterator[str]:
    """Yield the lines of a zone fragment, each record after a comment with its purpose, which is at
    most `width` columns wide. Records that belong to the provider of an address are comments."""
    for place in Place:
        records = list(plan.at(place))
        if records:
            yield ""
            yield from comment(_HEADINGS[place].format(domain=plan.domain), width)
        for record in records:
            yield from comment(record.purpose, width)
            yield ("; " if place is Place.REVERSE else "") + record_line(record)


def nsupdate_text(plan: DNSPlan, width: int) -> Iterator[str]:
    """Yield commands for nsupdate that add the records, for names that have none of their type yet;
    comments are at most `width` columns wide.

    Records of one name and type are one request, as a request must stay in one zone; those of the
    reverse zones are left out. Beside an SPF record there may be other TXT records, so only for SPF
    the request does not depend on there being none.
    """
    text = "These add records where there are none; with --check they correct the others too"
    yield from comment(text, width)
    records = [each for each in plan.records if each.place(plan.domain) is not Place.REVERSE]
    for (name, kind), group in groupby(records, lambda each: (each.name, each.kind)):
        added = list(group)
        for record in added:
            yield from comment(record.purpose, width)
        if kind == "CNAME":
            yield f"prereq nxdomain {name}."  # beside other records there can be no CNAME
        elif added[0].topic is not Topic.SPF:
            yield f"prereq nxrrset {name}. {kind}"
        yield from (f"update add {record_line(record, class_='')}" for record in added)
        yield "send"


def plan_values(plan: DNSPlan) -> dict[str, Any]:
    """Return a plan as values of JSON."""
    return {
        "domain": plan.domain,
        "domain_unicode": unicode_domain(plan.domain),
        "hostname": plan.hostname,
        "records": [record_values(record, plan.domain) for record in plan.records],
        "notes": list(plan.notes),
    }


def record_values(record: PlannedRecord, domain: str) -> dict[str, Any]:
    """Return one record of the plan of `domain` as values of JSON."""
    return {
        "name": record.name,
        "type": record.kind,
        "ttl": TTL,
        "data": zone_data(record),
        "value": record.data,
        "topic": record.topic.value,
        "zone": record.place(domain).value,
        "purpose": record.purpose,
    }


def record_line(record: PlannedRecord, class_: str = "IN ") -> str:
    """Return one line of a zone file."""
    return f"{record.name}. {TTL} {class_}{record.kind} {zone_data(record)}"


def zone_data(record: PlannedRecord) -> str:
    """Return the data of a record as zone files have it; the text of a TXT record is divided into
    strings of at most 255 octets."""
    return txt_data(record.data.encode()) if record.kind == "TXT" else record.data


def txt_data(text: bytes) -> str:
    """Return a text as quoted strings of at most 255 octets each. Resolvers join them without a
    blank (RFC 7208 §3.3, RFC 6376 §3.6.2.2)."""
    starts = range(0, max(len(text), 1), LONGEST_STRING)
    return " ".join(_quoted(text[start : start + LONGEST_STRING]) for start in starts)


def _quoted(string: Iterable[int]) -> str:
    return '"' + "".join(map(_escaped, string)) + '"'


def _escaped(octet: int) -> str:
    """One octet inside quotes; `\\DDD` for those that are not printable (RFC 1035 §5.1)."""
    if octet in b'"\\':
        return "\\" + chr(octet)
    return chr(octet) if 0x20 <= octet < 0x7F else f"\\{octet:03}"
