"""Compares a plan with DNS: the topics side by side, names of the plan at their authoritative
servers.

A record that is right at one server and not at another is judged by the first server that answers;
a finding about the servers says that they differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from mailhost.concurrency.side_by_side import side_by_side
from mailhost.dns_records.checks.caa import check_caa
from mailhost.dns_records.checks.hosts import check_addresses, check_mail, check_reverse
from mailhost.dns_records.checks.spf import check_spf
from mailhost.dns_records.checks.texts import (
    check_dkim,
    check_dmarc,
    check_reports,
    check_services,
)
from mailhost.dns_records.checks.tls import (
    check_mta_sts,
    check_sts_hosts,
    check_tls_reports,
    check_tlsa,
)
from mailhost.dns_records.checks.web_names import check_web_names
from mailhost.dns_records.finding import DNSFinding, DNSVerdict
from mailhost.dns_records.record import DNSPlan, Topic
from mailhost.interfaces.dns import (
    AuthorityReply,
    Found,
    IAuthoritativeServers,
    ILookUp,
    Lookups,
    Question,
    Record,
    Reply,
    ipv4_of,
)
from mailhost.message.domains import is_at_or_below
from mailhost.net.dns.lookups import run_lookups

SECONDS = 60.0
_CHECKS: tuple[Callable[[DNSPlan], Lookups[list[DNSFinding]]], ...] = (
    check_mail,
    check_addresses,
    check_reverse,
    check_spf,
    check_dkim,
    check_dmarc,
    check_reports,
    check_services,
    check_web_names,
    check_mta_sts,
    check_sts_hosts,
    check_tls_reports,
    check_tlsa,
    check_caa,
)


async def check_plan(
    plan: DNSPlan,
    servers: IAuthoritativeServers,
    resolver: ILookUp,
    clock: IReactorTime,
    seconds: float = SECONDS,
) -> list[DNSFinding]:
    """Return what is found about each record of a plan, and about the servers, with at most
    `seconds` for all look-ups of one topic."""
    look_ups = PlanLookUps(plan, servers, resolver)
    found = await side_by_side(
        run_lookups(check(plan), look_ups, clock, seconds) for check in _CHECKS
    )
    return [*(each for findings in found for each in findings), *look_ups.about_servers()]


@implementer(ILookUp)
class PlanLookUps:
    """Asks the authoritative servers for the names of a plan, and the resolver for all others. A
    reply about TLSA records is secure if the resolver has authenticated the host's name."""

    def __init__(self, plan: DNSPlan, servers: IAuthoritativeServers, resolver: ILookUp) -> None:
        consents = (record.name for record in plan.about(Topic.REPORTS))
        self._names = (plan.domain, plan.hostname, plan.signer or plan.domain, *consents)
        self._hostname = plan.hostname
        self._servers = servers
        self._resolver = resolver
        self._seen: dict[Question[Any], AuthorityReply[Any]] = {}

    async def look_up(self, question: Question[Record]) -> Reply[Record]:
        if not any(is_at_or_below(question.name, name) for name in self._names):
            return await self._resolver.look_up(question)
        if question not in self._seen:
            self._seen[question] = await self._servers.ask_all(question)
        reply = _one_of(self._seen[question])
        if question.kind == "TLSA":  # a validating resolver authenticates, and no server of a zone
            host = await self._resolver.look_up(ipv4_of(self._hostname))
            reply = replace(reply, secure=host.secure)
        return reply

    def about_servers(self) -> list[DNSFinding]:
        """Return findings about servers that fail, and about servers that differ."""
        return [*_failing(self._seen.values()), *_differing(self._seen)]


def _one_of(found: AuthorityReply[Record]) -> Reply[Record]:
    """Return the reply of the first server that answers."""
    replies = list(found.replies.values())
    if not replies:
        return Reply(Found.FAILED, trouble=found.trouble)
    return next((reply for reply in replies if reply.found is not Found.FAILED), replies[0])


def _failing(seen: Iterable[AuthorityReply[Any]]) -> Iterator[DNSFinding]:
    """Yield the servers that did not answer a question that another server answered."""
    troubles: dict[tuple[str, str], str] = {}
    for found in seen:
        failed = {
            host: reply for host, reply in found.replies.items() if reply.found is Found.FAILED
        }
        if len(failed) < len(found.replies):
            troubles |= {(found.zone, host): reply.trouble for host, reply in failed.items()}
    for (zone, host), trouble in sorted(troubles.items()):
        tried = f"server {host} of {zone}"
        remedy = "Repair the server, or remove it from the NS records of the zone."
        yield DNSFinding(Topic.SERVERS, tried, DNSVerdict.DIFFERENT, trouble, remedy)


def _differing(seen: Mapping[Question[Any], AuthorityReply[Any]]) -> Iterator[DNSFinding]:
    """Yield the questions to which the servers of one zone have different answers."""
    for question, found in seen.items():
        answers: dict[frozenset[Any], list[str]] = {}
        for host, reply in found.replies.items():
            if reply.found is not Found.FAILED:
                answers.setdefault(frozenset(reply.records), []).append(host)
        if len(answers) > 1:
            shown = (f"{', '.join(hosts)}: {_count(each)}" for each, hosts in answers.items())
            tried = f"{question.kind} of {question.name}"
            remedy = "A change takes some time to reach all servers; check again later."
            text = f"the servers differ ({'; '.join(shown)})"
            yield DNSFinding(Topic.SERVERS, tried, DNSVerdict.DIFFERENT, text, remedy)


def _count(records: frozenset[Any]) -> str:
    return f"{len(records)} record{'' if len(records) == 1 else 's'}"
