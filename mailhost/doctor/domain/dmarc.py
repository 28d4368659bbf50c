"""Checks the DMARC record of a domain, or the one above it that applies (RFC 9989)."""

from __future__ import annotations

from mailhost.dmarc.record import DMARCRecord, Policy, faulty_tags, parse_record
from mailhost.dns_records.published.dmarc import PublishedDMARC, published_dmarc
from mailhost.doctor.finding import Fault, Finding, ok, warning
from mailhost.doctor.unanswered import unanswered
from mailhost.interfaces.dns import Lookups

DMARC_MISSING = Fault(
    "dmarc-missing",
    "Large receivers demand a DMARC record of hosts that send much mail, and without one others "
    "can write in the name of the domain.",
)
DMARC_SEVERAL = Fault(
    "dmarc-several", "Where a domain has several DMARC records, none is used (RFC 9989 §4.10)."
)
DMARC_SYNTAX = Fault("dmarc-syntax", "A tag with a fault is ignored, so the policy is not applied.")


def check_dmarc(domain: str) -> Lookups[list[Finding]]:
    """Check the record that applies to a domain."""
    return [_judge(domain, (yield from published_dmarc(domain)))]


def _judge(domain: str, published: PublishedDMARC) -> Finding:
    tried = f"DMARC of {domain}"
    if published.trouble:
        return unanswered(tried, published.trouble)
    if len(published.texts) > 1:
        seen = "; ".join(map(_shown, published.texts))
        return warning(DMARC_SEVERAL, tried, seen, "Leave one DMARC record.")
    if published.texts:
        return _record(tried, published.texts[0])
    if published.inherited is not None:
        policy = _asked(published.inherited, published.inherited.subdomains)
        return ok(tried, f"no record; that of {published.above} applies, {policy}")
    remedy = "Add a TXT record. To begin with, one whose policy is none:"
    example = f'_dmarc.{domain}. 3600 IN TXT "v=DMARC1; p=none"'
    return warning(DMARC_MISSING, tried, "there is no DMARC record", remedy, example)


def _record(tried: str, text: bytes) -> Finding:
    record = parse_record(text)
    faults = faulty_tags(text)
    if record is None or faults:
        seen = f"{_shown(text)}: {', '.join(faults)} cannot be read"
        remedy = "Correct it: p, sp and np are none, quarantine or reject, rua is mailto:ADDRESS."
        return warning(DMARC_SYNTAX, tried, seen, remedy)
    return ok(tried, f"{_shown(text)}, {_asked(record, record.policy)}")


def _asked(record: DMARCRecord, policy: Policy) -> str:
    """Return the action that receivers are asked to take with mail that fails, as text."""
    words = {
        Policy.NONE: "which asks for nothing: others can write in the name of the domain",
        Policy.QUARANTINE: "which asks to take mail that fails for spam",
        Policy.REJECT: "which asks to refuse mail that fails",
    }
    return words[policy] + (" (only tested, t=y)" if record.testing else "")


def _shown(text: bytes) -> str:
    return text.decode("utf-8", "replace")
