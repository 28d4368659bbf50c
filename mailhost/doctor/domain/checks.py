"""The checks of one domain, of this host or of any other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from mailhost.dns_records.addresses import addresses_without_dns
from mailhost.dns_records.published.mx import PublishedMX
from mailhost.dns_records.record import Topic
from mailhost.doctor.checks import Check
from mailhost.doctor.context import DoctorContext
from mailhost.doctor.domain.autoconfig import check_autoconfig
from mailhost.doctor.domain.dmarc import check_dmarc
from mailhost.doctor.domain.hosted import own_domain_check
from mailhost.doctor.domain.mta_sts import HTTPS, Fetch, policy_findings, record_findings
from mailhost.doctor.domain.mx import judge_mx, usable_hosts
from mailhost.doctor.domain.own_policy import own_policy_findings
from mailhost.doctor.domain.reach import Reachable, reachable_for
from mailhost.doctor.domain.services import check_services
from mailhost.doctor.domain.spf import check_spf
from mailhost.doctor.domain.tls_rpt import check_tls_rpt
from mailhost.doctor.domain.tlsa import check_tlsa
from mailhost.doctor.finding import Finding
from mailhost.interfaces.dns import Found, Lookups
from mailhost.message.address import unicode_domain
from mailhost.mta_sts.policy import LARGEST_POLICY
from mailhost.net.dns.lookups import run_lookups
from mailhost.net.https_fetch import Fetcher

SECONDS = 12.0  # for all look-ups of one check
FETCH_SECONDS = 8.0  # for one file


def checks_of_domain(
    context: DoctorContext, published: PublishedMX, fetch: Fetch | None = None
) -> list[Check]:
    """Return the checks of the domain whose MX records are `published`.

    If DNS does not have the domain or does not answer, the only check reports this. `fetch` fetches
    files over HTTPS.
    """
    domain = published.domain
    own = context.own.get(domain)
    reachable = reachable_for(context, domain)
    fetch = fetch or _fetcher(context, reachable).fetch
    topic = f"Domain {_shown(domain)}"

    async def mx() -> Sequence[Finding]:
        return judge_mx(published, reachable)

    first = Check(topic, "MX", SECONDS, mx)
    if published.reply.found in (Found.FAILED, Found.NO_DOMAIN):
        return [first]
    if own is not None:
        records = [own_domain_check(context, own, topic)]
    else:
        records = [first, *_of_any(context, topic, domain)]
    # an alias is a fault of its own; the name that replaces it in the remedy is examined
    hosts = [host.alias or host.name for host in usable_hosts(published, reachable)]
    return [*records, *_further(context, topic, domain, hosts, fetch)]


def _shown(domain: str) -> str:
    own_letters = unicode_domain(domain)
    return domain if own_letters == domain else f"{own_letters} ({domain})"


def _of_any(context: DoctorContext, topic: str, domain: str) -> list[Check]:
    """Return the checks of records that the plan of an own domain has too."""
    own, hello = _own_addresses(context)
    looked_up = partial(_looked_up, context, topic)
    return [
        looked_up("SPF", lambda: check_spf(domain, own, hello)),
        looked_up("DMARC", lambda: check_dmarc(domain)),
        looked_up("SRV", lambda: check_services(domain)),
    ]


def _own_addresses(context: DoctorContext) -> tuple[Sequence[str], str]:
    """Return the addresses from which this host sends, and its name; none without settings."""
    if context.loaded is None:
        return (), ""
    settings = context.loaded.settings
    return settings.dns.addresses or addresses_without_dns().found, settings.hostname


def _further(
    context: DoctorContext, topic: str, domain: str, hosts: Sequence[str], fetch: Fetch
) -> list[Check]:
    """Return the checks of what is in no plan of an own domain. `hosts` are the MX hosts."""
    looked_up = partial(_looked_up, context, topic)
    own = context.own.get(domain)
    planned = own.planned_topics if own is not None else frozenset[Topic]()

    async def autoconfig() -> Sequence[Finding]:
        return await check_autoconfig(domain, fetch)

    if Topic.TLSA in planned and own is not None:
        hosts = [host for host in hosts if host != own.settings.hostname]
    checks = [_mta_sts(context, topic, domain, hosts, fetch)]
    if hosts or Topic.TLSA not in planned:
        checks.append(looked_up("TLSA", lambda: check_tlsa(hosts)))
    if Topic.TLS_RPT not in planned:
        checks.append(looked_up("TLS-RPT", lambda: check_tls_rpt(domain)))
    return [*checks, Check(topic, "autoconfig", 2 * FETCH_SECONDS + 1.0, autoconfig)]


def _mta_sts(
    context: DoctorContext, topic: str, domain: str, hosts: Sequence[str], fetch: Fetch
) -> Check:
    """Return the check of MTA-STS. The record of an own policy, and its hosts, are in the plan."""
    own = context.own.get(domain)
    port = HTTPS + context.port_offset

    async def of_any() -> Sequence[Finding]:
        record = record_findings(domain)
        has_policy, found = await run_lookups(record, context.resolver, context.reactor, SECONDS)
        policy = await policy_findings(domain, hosts, fetch, port) if has_policy else []
        return [*found, *policy]

    async def of_own() -> Sequence[Finding]:
        assert own is not None and own.facts.sts is not None  # else it is one of any
        return await own_policy_findings(domain, own.facts.sts, fetch, port)

    run = of_any if own is None or own.facts.sts is None else of_own
    return Check(topic, "MTA-STS", SECONDS + FETCH_SECONDS + 1.0, run)


def _looked_up(
    context: DoctorContext, topic: str, title: str, machine: Callable[[], Lookups[list[Finding]]]
) -> Check:
    """Return a check that asks DNS alone."""

    async def run() -> Sequence[Finding]:
        return await run_lookups(machine(), context.resolver, context.reactor, SECONDS)

    return Check(topic, title, SECONDS + 1.0, run)


def _fetcher(context: DoctorContext, reachable: Reachable) -> Fetcher:
    return Fetcher(context.reactor, context.resolver, FETCH_SECONDS, LARGEST_POLICY, reachable)
