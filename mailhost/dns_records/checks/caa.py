"""Checks that the CAA records let the authority of this host issue certificates (RFC 8659)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mailhost.dns_records.facts import Authority
from mailhost.dns_records.finding import DNSFinding, DNSVerdict, could_not_ask
from mailhost.dns_records.published.mx import alias_of
from mailhost.dns_records.record import DNSPlan, Topic
from mailhost.interfaces.dns import CAARecord, Found, Lookups, Reply, ask, caa_of
from mailhost.message.domains import names_above

_ISSUE = "issue"
_ACCOUNT = "accounturi"
_UNDERSTOOD = ("issue", "issuewild", "iodef", "contactemail", "contactphone", "issuemail")
_CRITICAL = 128  # a flag: an authority that does not understand the tag must not issue


def check_caa(plan: DNSPlan) -> Lookups[list[DNSFinding]]:
    """Check the records that apply to the host's name, and to those names of its web listener that
    are not other names (CNAME) of it."""
    if plan.authority is None:
        return []
    found: dict[str, tuple[list[str], Reply[CAARecord]]] = {}
    for name in (plan.hostname, *(each.name for each in plan.about(Topic.WEB))):
        if name != plan.hostname and (yield from alias_of(name)) == plan.hostname:
            continue  # the records of the host apply
        at, reply = yield from published_caa(name)
        found.setdefault(at, ([], reply))[0].append(name)
    return [
        _judge(f"CAA of {', '.join(names)}", at, reply, plan)
        for at, (names, reply) in found.items()
    ]


def _judge(tried: str, at: str, reply: Reply[CAARecord], plan: DNSPlan) -> DNSFinding:
    """Judge the records at `at`, empty for none."""
    assert plan.authority is not None  # else nothing is asked
    if reply.found is Found.FAILED:
        return could_not_ask(Topic.CAA, tried, reply.trouble)
    planned = tuple(plan.about(Topic.CAA))
    if not at:
        seen = "there is no record, so every authority may issue certificates"
        remedy = "A record leaves it to one authority."
        return DNSFinding(Topic.CAA, tried, DNSVerdict.RIGHT, seen, remedy, planned)
    seen = f"{'; '.join(map(caa_text, reply.records))} (at {at})"
    if may_issue(plan.authority, reply.records):
        return DNSFinding(Topic.CAA, tried, DNSVerdict.RIGHT, seen)
    remedy = f"Add {plan.authority.names[0]}: without it no certificate is issued for the name."
    add = tuple(replace(record, name=at) for record in planned)
    return DNSFinding(Topic.CAA, tried, DNSVerdict.HARMFUL, seen, remedy, add)


def published_caa(name: str) -> Lookups[tuple[str, Reply[CAARecord]]]:
    """Return where the records stand that apply to a name, at the name itself or at the nearest
    name above (RFC 8659 §3), and the records; an empty name for none."""
    reply: Reply[CAARecord] = Reply(Found.NO_RECORDS)
    for each in (name, *names_above(name)):
        reply = yield from ask(caa_of(each))
        if reply.records or reply.found is Found.FAILED:
            return each, reply
    return "", reply


def may_issue(authority: Authority, records: Sequence[CAARecord]) -> bool:
    """True if the records let the authority issue a certificate without wildcards to each of our
    accounts (RFC 8659 §4.2, RFC 8657 §3)."""
    if any(each.flags & _CRITICAL and each.tag not in _UNDERSTOOD for each in records):
        return False
    issuers = [_parsed(each.value) for each in records if each.tag == _ISSUE]
    allowed = [found.get(_ACCOUNT) for name, found in issuers if name in authority.names]
    if not issuers or None in allowed:
        return True
    return bool(allowed) and {*authority.accounts} <= {*allowed}


def _parsed(value: str) -> tuple[str, dict[str, str]]:
    """Return the name of an authority, and the parameters after it."""
    name, *parameters = value.split(";")
    pairs = (each.partition("=") for each in parameters)
    return name.strip().lower(), {tag.strip(): text.strip() for tag, _, text in pairs}


def caa_text(record: CAARecord) -> str:
    """Return the data of a record in the form of zone files."""
    return f'{record.flags} {record.tag} "{record.value}"'
