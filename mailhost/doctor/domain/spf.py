"""Checks the SPF record of a domain: its syntax, its limits, and what it says about strangers and
about this host."""

from __future__ import annotations

from collections.abc import Sequence

from mailhost.dns_records.published.spf import PublishedSPF, published_spf, spf_result
from mailhost.doctor.finding import Fault, Finding, failure, ok, warning
from mailhost.doctor.unanswered import unanswered
from mailhost.interfaces.dns import Found, Lookups
from mailhost.spf.check import MOST_TERMS, SPFResult, SPFStatus
from mailhost.spf.record import BadRecord, parse_record

SPF_MISSING = Fault(
    "spf-missing", "Large receivers refuse mail, or take it for spam, if its sender has no SPF."
)
SPF_SEVERAL = Fault(
    "spf-several", "Where a domain has several SPF records, none is used (RFC 7208 §4.5)."
)
SPF_SYNTAX = Fault("spf-syntax", "An SPF record with a fault anywhere is an error as a whole.")
SPF_LOOKUPS = Fault(
    "spf-lookups", "An SPF record that needs more than ten look-ups is an error as a whole."
)
SPF_ERROR = Fault("spf-error", "An SPF record that ends in an error allows no host to send.")
SPF_ALLOWS_ALL = Fault(
    "spf-allows-all", "With this SPF record anyone can send in the name of the domain."
)
SPF_NO_END = Fault("spf-no-end", "An SPF record without ~all or -all says nothing about strangers.")
_FAMILY = (4,)  # a record may have faults for IPv6 alone


def check_spf(domain: str, own: Sequence[str], hello: str) -> Lookups[list[Finding]]:
    """Check the record of a domain. `own` are the addresses of this host, which greets as `hello`;
    none if they are not known."""
    tried = f"SPF of {domain}"
    published = yield from published_spf(domain, hello or domain, _FAMILY)
    fault = _fault(domain, tried, published)
    if fault is not None:
        return [fault]
    text = _shown(published.texts[0])
    terms = max(result.terms for result in published.strangers)
    seen = f"{text} ({terms} of {MOST_TERMS} look-ups)"
    for address in own[:1]:
        result = yield from spf_result(address, domain, hello)
        seen += f"; it says {result.status.value} for {address}, an address of this host"
    return [ok(tried, seen)]


def _fault(domain: str, tried: str, published: PublishedSPF) -> Finding | None:
    """Return the fault of what is published, None if it has none."""
    if published.reply.found is Found.FAILED:
        return unanswered(tried, published.reply.trouble)
    if not published.texts:
        remedy = "Add a TXT record with the addresses that send mail of the domain, such as:"
        example = f'{domain}. 3600 IN TXT "v=spf1 mx ~all"'
        return warning(SPF_MISSING, tried, "there is no SPF record", remedy, example)
    if len(published.texts) > 1:
        seen = "; ".join(map(_shown, published.texts))
        remedy = "Leave one SPF record, with the mechanisms of all of them."
        return failure(SPF_SEVERAL, tried, seen, remedy)
    text = published.texts[0]
    try:
        parse_record(text)
    except BadRecord as bad:
        remedy = "Correct this term of the record."
        return failure(SPF_SYNTAX, tried, f"{_shown(text)}: {bad}", remedy)
    for result in published.strangers:
        fault = _evaluated(tried, text, result)
        if fault is not None:
            return fault
    return None


def _evaluated(tried: str, text: bytes, result: SPFResult) -> Finding | None:
    """Return the fault that the result for a stranger shows."""
    shown = _shown(text)
    if result.status is SPFStatus.TEMPERROR:
        return unanswered(tried, result.reason)
    if result.status is SPFStatus.PERMERROR and result.terms > MOST_TERMS:
        seen = f"{shown}: it needs more than {MOST_TERMS} look-ups"
        remedy = "Remove what no longer sends, and write addresses (ip4:, ip6:) in place of names."
        return failure(SPF_LOOKUPS, tried, seen, remedy)
    if result.status is SPFStatus.PERMERROR:
        remedy = "Correct the record, or remove what it includes."
        return failure(SPF_ERROR, tried, f"{shown}: {result.reason}", remedy)
    if result.status is SPFStatus.PASS:
        seen = f"{shown}: it allows every address ({result.mechanism})"
        return failure(SPF_ALLOWS_ALL, tried, seen, "Name the addresses that send, and no others.")
    if result.status not in (SPFStatus.FAIL, SPFStatus.SOFTFAIL):
        return warning(SPF_NO_END, tried, shown, "End the record with ~all, or with -all.")
    return None


def _shown(text: bytes) -> str:
    return text.decode("ascii", "backslashreplace")
