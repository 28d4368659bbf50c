"""`mailhost dns`: the DNS records that a domain of this host needs, and whether DNS has them."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from mailhost.cli.context import DOMAIN, Fail, config_option, load_settings
from mailhost.cli.examining import ExaminingCommand, Wanted
from mailhost.cli.own_domains import find_own_domain
from mailhost.cli.table import plain, print_json, text_width
from mailhost.message.address import unicode_domain

if TYPE_CHECKING:
    from mailhost.config.load import Loaded
    from mailhost.dns_records.facts import HostAddresses
    from mailhost.dns_records.finding import DNSFinding
    from mailhost.dns_records.own_domain import OwnDomain
    from mailhost.dns_records.record import DNSPlan
    from mailhost.interfaces.reactor import IReactor


class _DNSCommand(ExaminingCommand):
    """Examines something with --check alone."""

    def wanted(self, args: Sequence[str]) -> Wanted:
        """Read the arguments, which need not be right."""
        return Wanted("--check" in args, "json" in args or "--format=json" in args)


@click.command("dns", cls=_DNSCommand, short_help="Print and check the DNS records of a domain.")
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
    are different, 2 if some are missing or harmful, 3 for wrong usage, or if DNS could not be
    asked.
    """
    from mailhost.dns_records.from_settings import is_in_dns

    loaded = load_settings(config)
    subject = _subject(loaded, name or loaded.settings.hostname)
    if check and not is_in_dns(loaded.settings, subject.name):
        raise Fail(f"{subject.name} is no name of the public DNS: nothing was asked")
    plan, addresses, findings = _results(subject, check)
    if check:
        _print_findings(plan, findings, form)
    else:
        _print_plan(plan, addresses, form)


def _print_plan(plan: DNSPlan, addresses: HostAddresses, form: str) -> None:
    from mailhost.dns_records.folding import comment
    from mailhost.dns_records.zone import nsupdate_text, plan_values, zone_text

    if form == "json":
        print_json(plan_values(plan))
        return
    width = text_width()
    header = [line for text in _header(plan, addresses) for line in comment(text, width)]
    body = zone_text(plan, width) if form == "zone" else nsupdate_text(plan, width)
    click.echo("\n".join([*header, *body]))


def _header(plan: DNSPlan, addresses: HostAddresses) -> Iterator[str]:
    yield f"DNS records of {plan.domain}, for the mail host {plan.hostname}"
    for name in dict.fromkeys((plan.domain, plan.hostname)):
        if unicode_domain(name) != name:
            yield f"{name} is how DNS writes {unicode_domain(name)}"
    if addresses.found:
        found = ", ".join(addresses.found)
        yield f"addresses of the host: {found}; they are {addresses.source.value}"
    for note in plan.notes:
        yield f"note: {note}"


def _print_findings(plan: DNSPlan, findings: list[DNSFinding], form: str) -> None:
    """Print what was found, and exit."""
    from mailhost.dns_records.finding import exit_code
    from mailhost.dns_records.folding import folded
    from mailhost.dns_records.report import changes_text, findings_text, findings_values

    width = text_width()
    if form == "json":
        found = findings_values(findings, plan.domain)
        print_json({"domain": plan.domain, "findings": found, "notes": list(plan.notes)})
    elif form == "nsupdate":
        click.echo("\n".join(map(plain, changes_text(findings, plan.domain, width))))
    else:
        notes = [line for note in plan.notes for line in folded("note: ", note, width, "  ")]
        text = findings_text(findings, plan.domain, width)
        click.echo("\n".join(map(plain, [*notes, *text])))
    sys.exit(exit_code(findings))


def _subject(loaded: Loaded, domain: str) -> OwnDomain:
    """Return a domain of this host. Raises Fail for another domain."""
    from mailhost.cli.views import whole_directory

    found = find_own_domain(loaded.settings, whole_directory(loaded).view, domain)
    if found is None:
        raise Fail(f"{domain} is no domain of this host; `mailhost domain add {domain}` adds it")
    return found


def _results(subject: OwnDomain, check: bool) -> tuple[DNSPlan, HostAddresses, list[DNSFinding]]:
    """Return the plan, the addresses of the host, and with `check` what was found. No reactor runs
    for a plan that needs no DNS."""
    from mailhost.cli.asynchronous import run_on_reactor

    addresses = subject.known_addresses()
    if addresses is not None and not check:
        return subject.plan(addresses), addresses, []
    return run_on_reactor(lambda reactor: _asked(reactor, subject, addresses, check))


async def _asked(
    reactor: IReactor, subject: OwnDomain, addresses: HostAddresses | None, check: bool
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
