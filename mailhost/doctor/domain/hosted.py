"""The results of `mailhost dns --check` for domains of this host, as findings of the doctor.

The authoritative servers are asked, so that a change shows at once. Where they cannot be asked, the
resolver is, whose answers may be older.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from twisted.internet.defer import DeferredSemaphore
from zope.interface import implementer

from mailhost.concurrency.side_by_side import side_by_side
from mailhost.dns_records.addresses import find_addresses
from mailhost.dns_records.checking import check_plan
from mailhost.dns_records.facts import HostAddresses
from mailhost.dns_records.finding import DNSFinding, DNSVerdict
from mailhost.dns_records.from_settings import is_in_dns
from mailhost.dns_records.own_domain import OwnDomain
from mailhost.dns_records.record import Topic
from mailhost.dns_records.zone import record_line
from mailhost.doctor.checks import Check
from mailhost.doctor.context import DoctorContext
from mailhost.doctor.domain.mta_sts import MTA_STS_MX
from mailhost.doctor.domain.mx import missing_domain
from mailhost.doctor.finding import Fault, Finding, Verdict, ok
from mailhost.doctor.grouped import by_silence, by_words, grouped
from mailhost.doctor.host.host_name import PTR_ASTRAY, PTR_MISSING, PTR_OTHER
from mailhost.doctor.unanswered import unanswered
from mailhost.interfaces.dns import (
    AuthorityReply,
    Found,
    IAuthoritativeServers,
    ILookUp,
    Question,
    Record,
    ask,
    mx_of,
)
from mailhost.net.dns.authoritative import AuthoritativeServers
from mailhost.net.dns.lookups import run_lookups

SECONDS = 3.2  # for all look-ups about all domains; the report on this host is there in five
SECONDS_OF_ONE = 20.0  # for those about one domain that the operator named
AT_ONCE = 8  # domains
_SHARE = 0.3  # of the time: for one question to a server of a zone, and for our addresses

DNS_MX = Fault("dns-mx", "Mail for the domain does not reach this host, or only sometimes.")
DNS_ADDRESS = Fault("dns-address", "Other hosts can reach this host only at the addresses in DNS.")
DNS_SPF = Fault("dns-spf", "Mail from this host fails SPF, or mail from any host passes SPF.")
DNS_DKIM = Fault("dns-dkim", "Signatures of this host cannot be verified.")
DNS_DMARC = Fault(
    "dns-dmarc", "Large receivers demand a DMARC record of hosts that send much mail."
)
DNS_REPORTS = Fault("dns-reports", "Other hosts send no DMARC reports without this consent.")
DNS_SERVICES = Fault("dns-services", "Mail programs find their servers by these records.")
DNS_WEB_NAMES = Fault(
    "dns-web-names", "Mail programs and other hosts look for files of the domain at these names."
)
DNS_MTA_STS = Fault(
    "dns-mta-sts", "Other hosts do not learn that mail for the domain must come over TLS."
)
DNS_TLS_REPORTS = Fault(
    "dns-tls-reports", "Without this record no host reports that TLS with this host fails."
)
DNS_TLSA = Fault("dns-tlsa", "Hosts that check DANE do not deliver if no TLSA record fits the key.")
DNS_CAA = Fault("dns-caa", "The authority refuses certificates for names that these records bar.")
DNS_SERVERS = Fault("dns-servers", "Some hosts get another answer than others, or none.")
_FAULTS = {
    Topic.MAIL: DNS_MX,
    Topic.ADDRESS: DNS_ADDRESS,
    Topic.SPF: DNS_SPF,
    Topic.DKIM: DNS_DKIM,
    Topic.DMARC: DNS_DMARC,
    Topic.REPORTS: DNS_REPORTS,
    Topic.SERVICE: DNS_SERVICES,
    Topic.WEB: DNS_WEB_NAMES,
    Topic.MTA_STS: DNS_MTA_STS,
    Topic.STS_HOSTS: MTA_STS_MX,
    Topic.TLS_RPT: DNS_TLS_REPORTS,
    Topic.TLSA: DNS_TLSA,
    Topic.CAA: DNS_CAA,
    Topic.SERVERS: DNS_SERVERS,
}
_REVERSE_FAULTS = {  # as the check of the host's name calls them
    DNSVerdict.MISSING: PTR_MISSING,
    DNSVerdict.HARMFUL: PTR_ASTRAY,
    DNSVerdict.DIFFERENT: PTR_OTHER,
}
_ABOUT_THE_HOST = (Topic.ADDRESS, Topic.REVERSE)
_STOP_MAIL = (Topic.MAIL, *_ABOUT_THE_HOST)  # without these records, mail does not flow


def own_domains_check(
    context: DoctorContext, servers: IAuthoritativeServers | None = None
) -> Check:
    """Return the check of all domains of this host. It says what is wrong, and has one line for
    each domain without a fault. The addresses of the host are left to the checks of the host."""

    async def run() -> Sequence[Finding]:
        examined = await _examine(context, context.own.domains, SECONDS, servers)
        found = [finding for each in examined for finding in each.summary()]
        if context.own.left_out:
            seen = f"{context.own.left_out} more are not examined; `mailhost doctor DOMAIN` does it"
            found.append(ok("other domains of this host", seen))
        return grouped(found, by_silence)

    return Check("Domains of this host", "their DNS records", SECONDS + 0.5, run)


def own_domain_check(
    context: DoctorContext, own: OwnDomain, topic: str, servers: IAuthoritativeServers | None = None
) -> Check:
    """Return the check of one domain of this host, which has a finding about each record."""

    async def run() -> Sequence[Finding]:
        [examined] = await _examine(context, [own], SECONDS_OF_ONE, servers)
        found = grouped(map(translated, examined.findings), by_words)
        return found or examined.summary()

    return Check(topic, "the records of `mailhost dns --check`", SECONDS_OF_ONE + 1.0, run)


def translated(found: DNSFinding) -> Finding:
    """Return a finding about the record of a plan as a finding of the doctor."""
    if found.verdict is DNSVerdict.UNKNOWN:
        return unanswered(found.tried, found.seen.removeprefix("could not be asked: "))
    if found.verdict is DNSVerdict.RIGHT:
        return Finding(Verdict.OK, found.tried, found.seen, remedy=found.remedy)
    stops = found.verdict is DNSVerdict.MISSING and found.topic in _STOP_MAIL
    bad = stops or found.verdict is DNSVerdict.HARMFUL
    verdict = Verdict.FAILURE if bad else Verdict.WARNING
    removed = (f"; remove: {each.name}. {each.kind} {each.data}" for each in found.remove)
    lines = (*removed, *map(record_line, found.add))
    reverse = found.topic is Topic.REVERSE
    fault = _REVERSE_FAULTS[found.verdict] if reverse else _FAULTS[found.topic]
    return Finding(verdict, found.tried, found.seen, fault, found.remedy, lines)


@dataclass(frozen=True, slots=True)
class _Examined:
    """The findings about one domain.

    `instead` is the only finding if the domain was not compared with DNS.
    """

    name: str
    findings: Sequence[DNSFinding] = ()
    instead: Finding | None = None

    def summary(self) -> list[Finding]:
        """Return the findings that are not right, or one that says that all are right."""
        if self.instead is not None:
            return [self.instead]
        found = [each for each in self.findings if each.topic not in _ABOUT_THE_HOST]
        wrong = [translated(each) for each in found if each.verdict is not DNSVerdict.RIGHT]
        return grouped(wrong, by_words) or [
            ok(f"DNS records of {self.name}", f"all {len(found)} are right")
        ]


async def _examine(
    context: DoctorContext,
    domains: Sequence[OwnDomain],
    seconds: float,
    servers: IAuthoritativeServers | None,
) -> list[_Examined]:
    """Compare domains with DNS, a few at once."""
    if not domains:
        return []
    clock = context.reactor
    until, share = clock.seconds() + seconds, seconds * _SHARE
    if servers is None:
        port = domains[0].settings.dns.authority_port
        servers = AuthoritativeServers(clock, context.resolver, share, port=lambda: port)
    asked = ServersOrResolver(servers, context.resolver)
    addresses = domains[0].known_addresses()
    if addresses is None:
        hostname = domains[0].settings.hostname
        addresses = await find_addresses(hostname, context.resolver, clock, seconds=share)
    one = partial(_examine_one, context, asked, addresses, until)
    turns = DeferredSemaphore(AT_ONCE)
    return await side_by_side([turns.run(one, own) for own in domains])


async def _examine_one(
    context: DoctorContext,
    servers: ServersOrResolver,
    addresses: HostAddresses,
    until: float,
    own: OwnDomain,
) -> _Examined:
    name, clock = own.name, context.reactor
    if not is_in_dns(own.settings, name):
        seen = "this is no name of the public DNS, so nothing was asked"
        return _Examined(name, instead=ok(f"DNS records of {name}", seen))
    reply = await run_lookups(ask(mx_of(name)), context.resolver, clock, until - clock.seconds())
    if reply.found is Found.FAILED:
        return _Examined(name, instead=unanswered(f"DNS records of {name}", reply.trouble))
    if reply.found is Found.NO_DOMAIN:  # else each missing record would be a finding
        return _Examined(name, instead=missing_domain(name))
    plan, left = own.plan(addresses), until - clock.seconds()
    return _Examined(name, await check_plan(plan, servers, context.resolver, clock, left))


@implementer(IAuthoritativeServers)
class ServersOrResolver:
    """Asks the resolver where no authoritative server answers. If none answered at first, further
    ones are not asked: this machine cannot reach DNS servers other than its resolver."""

    def __init__(self, servers: IAuthoritativeServers, resolver: ILookUp) -> None:
        self._servers = servers
        self._resolver = resolver
        self._answer: bool | None = None  # None as long as nothing is known

    async def ask_all(self, question: Question[Record]) -> AuthorityReply[Record]:
        found: AuthorityReply[Record] = AuthorityReply("")
        if self._answer is not False:
            found = await self._servers.ask_all(question)
            if any(reply.found is not Found.FAILED for reply in found.replies.values()):
                self._answer = True
                return found
            if self._answer is None:
                self._answer = False
        return replace(found, replies={"the resolver": await self._resolver.look_up(question)})
