"""`mailhost dns`: the DNS records that a domain of this host needs, and whether DNS has them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from mailhost.cli.context import DOMAIN, Fail, config_option, load_settings
from mailhost.cli.key_files import key_files
from mailhost.cli.table import plain, print_json
from mailhost.interfaces.dns import is_for_tests
from mailhost.message.address import unicode_domain
from mailhost.message.domains import names_above

if TYPE_CHECKING:
    from mailhost.config.load import Loaded
    from mailhost.config.model import Settings
    from mailhost.dns_records.facts import DomainFacts, HostAddresses
    from mailhost.dns_records.finding import DNSFinding
    from mailhost.dns_records.record import DNSPlan
    from mailhost.interfaces.accounts import DirectoryView
    from mailhost.interfaces.reactor import IReactor
    from mailhost.interfaces.signing import DomainKey


class NotAsked(Fail):
    """The check could not be made at all."""

    exit_code = 3


@click.command("dns", short_help="Print and check the DNS records of a domain.")
@click.argument("name", metavar="[DOMAIN]", type=DOMAIN, required=False)
@click.option("--check", is_flag=True, help="Compare the records with those in DNS.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["zone", "json", "nsupdate"]),
    default="zone",
    help="A fragment of a zone file (the default), JSON for programs, or commands for nsupdate; "
    "with --check a report, JSON, or the commands that correct the records.",
)
@config_option
def command(name: str | None, check: bool, form: str, config: str | None) -> None:
    """Print the DNS records that DOMAIN needs, each with its purpose; without DOMAIN, those of the
    host's own name.

    --check asks the authoritative servers. Its exit code is 0 if all records are right, 1 if some
    are different, 2 if some are missing or harmful, 3 if DNS could not be asked.
    """
    try:
        loaded = load_settings(config)
        subject = _subject(loaded, name or loaded.settings.hostname)
        if check and not subject.is_in_dns(subject.own.domain):
            raise Fail(f"{subject.own.domain} is no name of the public DNS: nothing was asked")
    except Fail as error:
        if check:
            raise NotAsked(error.message) from error
        raise
    plan, addresses, findings = _results(subject, check)
    if check:
        _print_findings(plan, findings, form)
    else:
        _print_plan(plan, addresses, form)


def _print_plan(plan: DNSPlan, addresses: HostAddresses, form: str) -> None:
    from mailhost.dns_records.zone import nsupdate_text, plan_values, zone_text

    if form == "json":
        print_json(plan_values(plan))
        return
    body = zone_text(plan) if form == "zone" else nsupdate_text(plan)
    click.echo("\n".join([*_header(plan, addresses), *body]))


def _header(plan: DNSPlan, addresses: HostAddresses) -> Iterator[str]:
    yield f"; DNS records of {plan.domain}, for the mail host {plan.hostname}"
    for name in dict.fromkeys((plan.domain, plan.hostname)):
        if unicode_domain(name) != name:
            yield f"; {name} is how DNS writes {unicode_domain(name)}"
    if addresses.found:
        yield f"; addresses of the host: {', '.join(addresses.found)}; they are"
        yield f";   {addresses.source.value}"
    for note in plan.notes:
        yield f"; note: {note}"


def _print_findings(plan: DNSPlan, findings: list[DNSFinding], form: str) -> None:
    """Print what was found, and exit."""
    from mailhost.dns_records.finding import exit_code
    from mailhost.dns_records.report import changes_text, findings_text, findings_values

    if form == "json":
        found = findings_values(findings, plan.domain)
        print_json({"domain": plan.domain, "findings": found, "notes": list(plan.notes)})
    elif form == "nsupdate":
        click.echo("\n".join(map(plain, changes_text(findings, plan.domain))))
    else:
        notes = (f"note: {note}" for note in plan.notes)
        click.echo("\n".join(map(plain, [*notes, *findings_text(findings, plan.domain)])))
    sys.exit(exit_code(findings))


@dataclass(frozen=True, slots=True)
class _Subject:
    """A domain of this host. `host_receives`: the host's name is a domain of mail too."""

    settings: Settings
    own: DomainFacts
    host_receives: bool

    def plan(self, addresses: HostAddresses) -> DNSPlan:
        """Return the plan of the domain, with these addresses of the host."""
        from mailhost.dns_records.from_settings import host_facts
        from mailhost.dns_records.plan import make_plan

        return make_plan(host_facts(self.settings, addresses, self.host_receives), self.own)

    def is_in_dns(self, name: str) -> bool:
        """False for the demo and for names below example, test, localhost and invalid, unless the
        settings name servers that may have them."""
        settings = self.settings
        return bool(settings.dns.servers) or not (is_for_tests(name) or settings.demo)

    def known_addresses(self) -> HostAddresses | None:
        """Return the addresses of the host as far as they need no DNS; None if they do."""
        from mailhost.dns_records.addresses import addresses_without_dns
        from mailhost.dns_records.facts import AddressSource, HostAddresses

        if self.settings.dns.addresses:
            return HostAddresses(self.settings.dns.addresses, AddressSource.SETTINGS)
        return None if self.is_in_dns(self.settings.hostname) else addresses_without_dns()


def _subject(loaded: Loaded, domain: str) -> _Subject:
    """Return the facts about a domain of this host. Raises Fail for another domain."""
    from mailhost.cli.views import whole_directory
    from mailhost.dns_records.from_settings import domain_facts
    from mailhost.signing.rules import SigningRules

    settings, view = loaded.settings, whole_directory(loaded).view
    receives = view.domain(domain) is not None
    rules = SigningRules(settings)
    signer = rules.signing_domain(domain)
    signs = rules.signs(signer, view)
    keys = _keys(settings.data, signer) if signs else ()
    if not receives and not keys and domain != settings.hostname:
        raise Fail(f"{domain} is no domain of this host; `mailhost domain add {domain}` adds it")
    facts = domain_facts(settings, domain, receives, signer if signs else "", keys)
    facts = replace(facts, policy_of=_above(view, domain))
    return _Subject(settings, facts, view.domain(settings.hostname) is not None)


def _above(view: DirectoryView, domain: str) -> str:
    """Return the nearest domain of this host above a name, empty if there is none."""
    return next(filter(view.domain, names_above(domain)), "")


def _keys(data: str, domain: str) -> tuple[DomainKey, ...]:
    """Return the keys of a domain; none before the host or `mailhost dkim make` made them."""
    from mailhost.application.privileges import as_owner

    if not os.path.isdir(data):
        return ()
    with as_owner(data):
        pairs = key_files(data).read(domain) or ()
    return tuple(pair.public for pair in pairs)


def _results(subject: _Subject, check: bool) -> tuple[DNSPlan, HostAddresses, list[DNSFinding]]:
    """Return the plan, the addresses of the host, and with `check` what was found. No reactor runs
    for a plan that needs no DNS."""
    from mailhost.cli.asynchronous import run_on_reactor

    addresses = subject.known_addresses()
    if addresses is not None and not check:
        return subject.plan(addresses), addresses, []
    return run_on_reactor(lambda reactor: _asked(reactor, subject, addresses, check))


async def _asked(
    reactor: IReactor, subject: _Subject, addresses: HostAddresses | None, check: bool
) -> tuple[DNSPlan, HostAddresses, list[DNSFinding]]:
    from mailhost.dns_records.addresses import find_addresses
    from mailhost.dns_records.checking import check_plan
    from mailhost.net.dns.authoritative import AuthoritativeServers
    from mailhost.net.dns.resolver import Resolver

    resolver = Resolver(reactor, subject.settings.dns)
    if addresses is None:
        addresses = await find_addresses(subject.settings.hostname, resolver, reactor)
    plan = subject.plan(addresses)
    port = subject.settings.dns.authority_port
    servers = AuthoritativeServers(reactor, resolver, port=lambda: port)
    findings = await check_plan(plan, servers, resolver, reactor) if check else []
    return plan, addresses, findings
