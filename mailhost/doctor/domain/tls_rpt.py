"""Checks the record by which a domain asks for reports about TLS (RFC 8460 §3)."""

from __future__ import annotations

import re

from mailhost.doctor.finding import Fault, Finding, ok, warning
from mailhost.doctor.unanswered import unanswered
from mailhost.interfaces.dns import Found, Lookups, ask, txt_of
from mailhost.message.tag_list import BadTagList, parse_tags

TLS_RPT_SYNTAX = Fault(
    "tls-rpt-syntax", "Senders ignore a wrong TLS-RPT record, so no report about TLS comes."
)
_VERSION = re.compile(rb"v=TLSRPTv1[ \t]*;")
_SCHEMES = ("mailto:", "https:")


def check_tls_rpt(domain: str) -> Lookups[list[Finding]]:
    """Check the record of a domain; it may have none."""
    name = f"_smtp._tls.{domain}"
    tried = f"TLS-RPT record of {domain}"
    reply = yield from ask(txt_of(name))
    if reply.found is Found.FAILED:
        return [unanswered(tried, reply.trouble)]
    records = [record for record in reply.records if _VERSION.match(record)]
    if not records:
        return [ok(tried, "there is no record, so no reports about TLS are requested")]
    shown = "; ".join(record.decode("utf-8", "replace") for record in records)
    remedy = "Leave one record, with an address for reports:"
    example = f'{name}. 3600 IN TXT "v=TLSRPTv1; rua=mailto:tlsrpt@{domain}"'
    if len(records) > 1:
        return [warning(TLS_RPT_SYNTAX, tried, f"several: {shown}", remedy, example)]
    if not _has_address(records[0]):
        seen = f"{shown}: it has no rua with mailto: or https: addresses"
        return [warning(TLS_RPT_SYNTAX, tried, seen, remedy, example)]
    return [ok(tried, shown)]


def _has_address(record: bytes) -> bool:
    try:
        uris = parse_tags(record.decode("utf-8", "replace")).get("rua", "")
    except BadTagList:
        return False
    return all(uri.strip().lower().startswith(_SCHEMES) for uri in uris.split(","))
