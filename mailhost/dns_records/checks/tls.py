"""Checks the records about TLS: MTA-STS, TLS-RPT, and the keys of certificates (TLSA).

A domain need not have TLSA records: that they are missing is no fault, also where DNSSEC signs the
zone. One that is there must fit, since other hosts do not deliver where none fits (RFC 7672 §2.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mailhost.dane.records import DANE_EE, DANE_TA, PUBLIC_KEY, SHA256, text_of
from mailhost.dns_records.checks.texts import each_record
from mailhost.dns_records.finding import DNSFinding, DNSVerdict, SeenRecord, could_not_ask
from mailhost.dns_records.record import DNSPlan, PlannedRecord, Topic
from mailhost.dns_records.zone import txt_data
from mailhost.interfaces.dns import Found, Lookups, TLSARecord, ask, mx_of, tlsa_of, txt_of
from mailhost.message.tag_list import BadTagList, parse_tags
from mailhost.mta_sts.policy import Mode
from mailhost.mta_sts.record import is_sts

_TLS_RPT = "v=TLSRPTv1"
_USED = (DANE_TA, DANE_EE)  # others are ignored (RFC 7672 §3.1.3)


def check_mta_sts(plan: DNSPlan) -> Lookups[list[DNSFinding]]:
    """Check that the id is that of the policy which this host serves."""
    return (yield from each_record(plan, Topic.MTA_STS, "MTA-STS record {}", txt_of, _sts))


def _sts(tried: str, record: PlannedRecord, texts: Sequence[bytes]) -> DNSFinding | None:
    found = [text for text in texts if is_sts(text)]
    if not found:
        return None
    shown = "; ".join(map(_shown, found))
    if len(found) == 1 and _tags(found[0]).get("id") == _tags(record.data.encode())["id"]:
        return DNSFinding(Topic.MTA_STS, tried, DNSVerdict.RIGHT, shown)
    if len(found) > 1:
        seen = f"several: {shown}; other hosts use none of them (RFC 8461 §3.1)"
        remedy = "Leave the record with the id of the present policy."
    else:
        seen = f"{shown}; this is not the id of the policy that this host serves"
        remedy = "Replace it: hosts that know the former policy do not fetch the present one."
    return _replaced(Topic.MTA_STS, tried, record, found, seen, remedy)


def check_sts_hosts(plan: DNSPlan) -> Lookups[list[DNSFinding]]:
    """Check that the policy which this host serves names all MX hosts of the domain."""
    policy, tried = plan.sts, f"MTA-STS policy of {plan.domain}"
    if policy is None or policy.mode is Mode.NONE:
        return []
    reply = yield from ask(mx_of(plan.domain))
    others = [each.host for each in reply.records if each.host and not policy.allows(each.host)]
    if not others:
        return [DNSFinding(Topic.STS_HOSTS, tried, DNSVerdict.RIGHT, policy.summary)]
    names = ", ".join(others)
    seen = f"{policy.summary}; it does not name {names}, to which MX records lead"
    remedy = f"Add {names} to mx in [mta_sts], and publish the new id; or remove its MX record."
    harmful = policy.mode is Mode.ENFORCE
    verdict = DNSVerdict.HARMFUL if harmful else DNSVerdict.DIFFERENT
    return [DNSFinding(Topic.STS_HOSTS, tried, verdict, seen, remedy)]


def check_tls_reports(plan: DNSPlan) -> Lookups[list[DNSFinding]]:
    """Check that reports about TLS are sent to the address of this host, too."""
    return (yield from each_record(plan, Topic.TLS_RPT, "TLS-RPT record {}", txt_of, _reports))


def _reports(tried: str, record: PlannedRecord, texts: Sequence[bytes]) -> DNSFinding | None:
    found = [text for text in texts if _shown(text).startswith(_TLS_RPT)]
    if not found:
        return None
    shown = "; ".join(map(_shown, found))
    if len(found) > 1:
        seen = f"several: {shown}; other hosts use none of them (RFC 8460 §3)"
        remedy = "Leave one record."
        return _replaced(Topic.TLS_RPT, tried, record, found, seen, remedy)
    own, there = _addresses(record.data.encode()), _addresses(found[0])
    if {uri.lower() for uri in own} <= {uri.lower() for uri in there}:
        return DNSFinding(Topic.TLS_RPT, tried, DNSVerdict.RIGHT, shown)
    remedy = f"Add {','.join(own)} to rua, so that reports arrive here."
    every = ",".join(dict.fromkeys([*there, *own]))
    united = replace(record, data=f"{_TLS_RPT}; rua={every}")
    return _replaced(Topic.TLS_RPT, tried, united, found, shown, remedy)


def _addresses(text: bytes) -> list[str]:
    """Return the URIs of a record for reports."""
    return [each.strip() for each in _tags(text).get("rua", "").split(",") if each.strip()]


def _replaced(
    topic: Topic,
    tried: str,
    record: PlannedRecord,
    found: Sequence[bytes],
    seen: str,
    remedy: str,
) -> DNSFinding:
    """Return the finding about TXT records in whose place another one is needed. If that is among
    them, it stays."""
    wrong = [text for text in found if text != record.data.encode()]
    remove = tuple(SeenRecord(record.name, "TXT", txt_data(text)) for text in wrong)
    add = () if len(wrong) < len(found) else (record,)
    return DNSFinding(topic, tried, DNSVerdict.DIFFERENT, seen, remedy, add, remove)


def check_tlsa(plan: DNSPlan) -> Lookups[list[DNSFinding]]:
    """Check that the TLSA records at port 25 fit the keys of this host."""
    planned = plan.about(Topic.TLSA)
    if not planned:
        return []
    tried = f"TLSA of {plan.hostname}"
    reply = yield from ask(tlsa_of(planned[0].name))
    if reply.found is Found.FAILED:
        return [could_not_ask(Topic.TLSA, tried, reply.trouble)]
    found = [record for record in reply.records if record.usage in _USED]
    if found:
        return [_tlsa(tried, planned, found)]
    return [_no_tlsa(tried, planned, reply.secure)]


def _no_tlsa(tried: str, planned: Sequence[PlannedRecord], signed: bool) -> DNSFinding:
    if not signed:
        seen = "there is no record; it is not known that DNSSEC signs the zone, and without DNSSEC"
        return DNSFinding(Topic.TLSA, tried, DNSVerdict.RIGHT, f"{seen} a record has no effect")
    remedy = "DNSSEC signs the zone, so these records let other hosts verify the certificate."
    seen = "there is no record"
    return DNSFinding(Topic.TLSA, tried, DNSVerdict.RIGHT, seen, remedy, tuple(planned))


def _tlsa(tried: str, planned: Sequence[PlannedRecord], found: Sequence[TLSARecord]) -> DNSFinding:
    """Judge the records that are there. The first that is planned is for the key in use."""
    shown = ", ".join(map(text_of, found))
    present = {text_of(record) for record in found}
    lacking = [record for record in planned if record.data not in present]
    others = [record for record in found if not _is_of_our_form(record)]
    remove = tuple(
        SeenRecord(planned[0].name, "TLSA", text_of(record))
        for record in found
        if _is_of_our_form(record) and text_of(record) not in {each.data for each in planned}
    )
    if planned[0] in lacking and not others:
        seen = f"{shown}; none is for the key of the certificate in use"
        remedy = "Replace the records at once: other hosts do not deliver where none fits."
        verdict = DNSVerdict.HARMFUL
        return DNSFinding(Topic.TLSA, tried, verdict, seen, remedy, tuple(lacking), remove)
    if others:
        remedy = "Records of the form 3 1 1 follow the keys of this host, others were not compared."
        return DNSFinding(Topic.TLSA, tried, DNSVerdict.RIGHT, shown, remedy)
    if lacking:
        remedy = "Add the records that are missing before the next certificate is used."
        verdict = DNSVerdict.DIFFERENT
        return DNSFinding(Topic.TLSA, tried, verdict, shown, remedy, tuple(lacking), remove)
    remedy = "Remove the records of former keys once no certificate has them." if remove else ""
    return DNSFinding(Topic.TLSA, tried, DNSVerdict.RIGHT, shown, remedy)


def _is_of_our_form(record: TLSARecord) -> bool:
    return (record.usage, record.selector, record.matching) == (DANE_EE, PUBLIC_KEY, SHA256)


def _tags(text: bytes) -> dict[str, str]:
    """Return the tags of a record, none where it cannot be read."""
    try:
        return dict(parse_tags(_shown(text)))
    except BadTagList:
        return {}


def _shown(text: bytes) -> str:
    return text.decode("utf-8", "replace")
