"""Checks the TXT records of DKIM keys and of DMARC, and the SRV records of services."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from mailhost.dkim.key_record import BadKey, is_same_key, parse_key_record
from mailhost.dmarc.record import DMARCRecord, Policy, is_dmarc, parse_record
from mailhost.dns_records.finding import DNSFinding, DNSVerdict, SeenRecord, could_not_ask, missing
from mailhost.dns_records.published.dmarc import published_dmarc
from mailhost.dns_records.record import DNSPlan, PlannedRecord, Topic
from mailhost.dns_records.zone import LONGEST_STRING, txt_data
from mailhost.interfaces.dns import Found, Lookups, Question, Record, SRVRecord, ask, srv_of, txt_of


def check_dkim(plan: DNSPlan) -> Lookups[list[DNSFinding]]:
    """Check that the record of each key has this very key (RFC 6376 §3.6.1)."""
    findings = []
    if plan.signer and not plan.about(Topic.DKIM):
        seen = "there is no key, so its mail is not signed"
        remedy = f"`mailhost dkim make {plan.signer}` makes keys, and prints their records."
        tried = f"DKIM keys of {plan.signer}"
        findings.append(DNSFinding(Topic.DKIM, tried, DNSVerdict.MISSING, seen, remedy))
    return findings + (yield from each_record(plan, Topic.DKIM, "DKIM key {}", txt_of, _key))


def each_record(
    plan: DNSPlan,
    topic: Topic,
    tried: str,
    question: Callable[[str], Question[Record]],
    judge: Callable[[str, PlannedRecord, Sequence[Record]], DNSFinding | None],
) -> Lookups[list[DNSFinding]]:
    """Ask for each record of a topic. `tried` is what a finding says of a name; `judge` compares
    the records in DNS, and returns None where the planned one is missing."""
    findings = []
    for record in plan.about(topic):
        text = tried.format(record.name)
        reply = yield from ask(question(record.name))
        if reply.found is Found.FAILED:
            findings.append(could_not_ask(topic, text, reply.trouble))
        else:
            findings.append(judge(text, record, reply.records) or missing(text, record))
    return findings


def _key(tried: str, record: PlannedRecord, found: Sequence[bytes]) -> DNSFinding | None:
    if not found:
        return None
    if len(found) > 1:
        seen = "several records, of which receivers take any (RFC 6376 §3.6.2.2)"
        return _not_this(tried, record, found, seen)
    try:
        key = parse_key_record(found[0])
    except BadKey as bad:
        cut = len(found[0]) == LONGEST_STRING < len(record.data)
        reason = f"the record is cut after {LONGEST_STRING} octets" if cut else str(bad)
        return _not_this(tried, record, found, reason)
    if not is_same_key(record.data, found[0]):
        return _not_this(tried, record, found, "another key is there")
    if key.testing:
        remedy = "Remove t=y: receivers may treat the mail as unsigned."
        return DNSFinding(Topic.DKIM, tried, DNSVerdict.DIFFERENT, "the key, with t=y", remedy)
    return DNSFinding(Topic.DKIM, tried, DNSVerdict.RIGHT, "the key is there")


def _not_this(tried: str, record: PlannedRecord, found: Sequence[bytes], seen: str) -> DNSFinding:
    remedy = "Replace it by the record of the plan: signatures by this key fail."
    remove = _seen(record, found)
    return DNSFinding(Topic.DKIM, tried, DNSVerdict.HARMFUL, seen, remedy, (record,), remove)


def _seen(record: PlannedRecord, found: Sequence[bytes]) -> tuple[SeenRecord, ...]:
    return tuple(SeenRecord(record.name, "TXT", txt_data(text)) for text in found)


def check_dmarc(plan: DNSPlan) -> Lookups[list[DNSFinding]]:
    """Check the policy; one that is stricter than that of the plan is right."""
    findings = []
    for record in plan.about(Topic.DMARC):
        tried = f"DMARC of {plan.domain}"
        published = yield from published_dmarc(plan.domain)
        if published.trouble:
            findings.append(could_not_ask(Topic.DMARC, tried, published.trouble))
        elif published.texts:
            findings.append(_policy(tried, record, published.texts))
        elif published.inherited is not None:
            policy = published.inherited.subdomains.value
            seen = f"no record; that of {published.above} applies (sp={policy})"
            findings.append(DNSFinding(Topic.DMARC, tried, DNSVerdict.RIGHT, seen))
        else:
            findings.append(missing(tried, record))
    return findings


def _policy(tried: str, record: PlannedRecord, found: Sequence[bytes]) -> DNSFinding:
    if len(found) > 1:
        seen = "several DMARC records, so none of them is used (RFC 9989 §4.10)"
        remedy = "Leave one; of these the strictest is kept."
        remove = _seen(record, sorted(found, key=_strictness)[:-1])
        return DNSFinding(Topic.DMARC, tried, DNSVerdict.HARMFUL, seen, remedy, remove=remove)
    remove = _seen(record, found)
    shown = found[0].decode("utf-8", "replace")
    policy, planned = parse_record(found[0]), parse_record(record.data.encode())
    if policy is None:
        remedy = "Correct it: p must be none, quarantine or reject."
        return DNSFinding(Topic.DMARC, tried, DNSVerdict.HARMFUL, shown, remedy, (record,), remove)
    there = {uri.lower() for uri in policy.reports}
    if planned is not None and not {uri.lower() for uri in planned.reports} <= there:
        remedy = f"Add rua={','.join(planned.reports)}, so that reports arrive here."
        add = (_with_reports(record, policy, planned),)
        return DNSFinding(Topic.DMARC, tried, DNSVerdict.DIFFERENT, shown, remedy, add, remove)
    return DNSFinding(Topic.DMARC, tried, DNSVerdict.RIGHT, shown, _recommended(policy))


def _strictness(text: bytes) -> int:
    policy = parse_record(text)
    return list(Policy).index(policy.policy) if policy is not None else -1


def _with_reports(
    record: PlannedRecord, policy: DMARCRecord, planned: DMARCRecord
) -> PlannedRecord:
    """Return the record in DNS with our address for reports. Its policies are kept."""
    tags = ["v=DMARC1", f"p={policy.policy.value}"]
    if policy.subdomains is not policy.policy:
        tags.append(f"sp={policy.subdomains.value}")
    if policy.nonexistent is not policy.subdomains:
        tags.append(f"np={policy.nonexistent.value}")
    tags += ["adkim=s"] * policy.strict_dkim + ["aspf=s"] * policy.strict_spf
    tags += ["t=y"] * policy.testing
    tags.append("rua=" + ",".join(dict.fromkeys([*policy.reports, *planned.reports])))
    return PlannedRecord(record.name, "TXT", "; ".join(tags), Topic.DMARC, record.purpose)


def _recommended(policy: DMARCRecord) -> str:
    if policy.percent not in (None, 100):
        return "pct is no longer used (RFC 9989): remove it; t=y asks for less than the policy."
    if policy.policy is Policy.NONE:
        return "With p=none others can still write in the name of the domain; see the reports."
    return ""


def check_reports(plan: DNSPlan) -> Lookups[list[DNSFinding]]:
    """Check the consent of another domain to take reports (RFC 9990)."""
    return (yield from each_record(plan, Topic.REPORTS, "consent {}", txt_of, _consent))


def _consent(tried: str, record: PlannedRecord, found: Sequence[bytes]) -> DNSFinding | None:
    if not any(map(is_dmarc, found)):
        return None
    return DNSFinding(Topic.REPORTS, tried, DNSVerdict.RIGHT, "it is there")


def check_services(plan: DNSPlan) -> Lookups[list[DNSFinding]]:
    """Check the SRV records for mail programs (RFC 6186)."""
    judge = partial(_service, plan.hostname)
    return (yield from each_record(plan, Topic.SERVICE, "SRV of {}", srv_of, judge))


def _service(
    hostname: str, tried: str, record: PlannedRecord, found: Sequence[SRVRecord]
) -> DNSFinding | None:
    if not found:
        return None
    port = int(record.data.split()[2])
    texts = [f"{each.priority} {each.weight} {each.port} {each.target}." for each in found]
    if all((each.port, each.target) == (port, hostname) for each in found):
        return DNSFinding(Topic.SERVICE, tried, DNSVerdict.RIGHT, ", ".join(texts))
    remedy = f"Replace it: mail programs are sent elsewhere than to {hostname}, port {port}."
    remove = tuple(SeenRecord(record.name, "SRV", text) for text in texts)
    add = () if record.data in texts else (record,)
    remove = tuple(each for each in remove if each.data != record.data)
    return DNSFinding(
        Topic.SERVICE, tried, DNSVerdict.DIFFERENT, ", ".join(texts), remedy, add, remove
    )
