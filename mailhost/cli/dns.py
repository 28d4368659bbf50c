"""`mailhost dns`: the DNS records that a domain of this host needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from mailhost.cli.context import DOMAIN, Fail, config_option, load_settings
from mailhost.cli.table import print_json
from mailhost.message.address import unicode_domain

if TYPE_CHECKING:
    from mailhost.config.load import Loaded
    from mailhost.dns_records.facts import DomainFacts, HostAddresses, HostFacts
    from mailhost.dns_records.record import Plan
    from mailhost.interfaces.signing import DomainKey


@click.command("dns", short_help="Print the DNS records that a domain needs.")
@click.argument("name", metavar="[DOMAIN]", type=DOMAIN, required=False)
@click.option(
    "--format",
    "form",
    type=click.Choice(["zone", "json", "nsupdate"]),
    default="zone",
    help="A fragment of a zone file (the default), JSON for programs, or commands for nsupdate.",
)
@config_option
def command(name: str | None, form: str, config: str | None) -> None:
    """Print the DNS records that DOMAIN needs, each with its purpose; without DOMAIN, those of the
    host's own name."""
    from mailhost.dns_records.zone import nsupdate_text, plan_values, zone_text

    loaded = load_settings(config)
    domain = name or loaded.settings.hostname
    facts = _domain_facts(loaded, domain)
    plan, addresses = _planned(loaded, facts)
    if form == "json":
        print_json(plan_values(plan))
        return
    body = zone_text(plan) if form == "zone" else nsupdate_text(plan)
    click.echo("\n".join([*_header(plan, addresses), *body]))


def _domain_facts(loaded: Loaded, domain: str) -> DomainFacts:
    """Return the facts about a domain of this host. Raises Fail for another domain."""
    from mailhost.cli.views import whole_directory
    from mailhost.dns_records.from_settings import domain_facts

    receives = whole_directory(loaded).view.domain(domain) is not None
    keys = _keys(loaded, domain)
    if not receives and not keys and domain != loaded.settings.hostname:
        raise Fail(f"{domain} is no domain of this host; `mailhost domain add {domain}` adds it")
    return domain_facts(loaded.settings, domain, receives, keys)


def _keys(loaded: Loaded, domain: str) -> list[DomainKey]:
    return []


def _planned(loaded: Loaded, own: DomainFacts) -> tuple[Plan, HostAddresses]:
    """Return the plan, and the addresses of the host with their source."""
    from mailhost.dns_records.plan import make_plan

    host = _host_facts(loaded)
    return make_plan(host, own), host.addresses


def _host_facts(loaded: Loaded) -> HostFacts:
    from mailhost.dns_records.from_settings import host_facts

    return host_facts(loaded.settings, _addresses(loaded))


def _addresses(loaded: Loaded) -> HostAddresses:
    from mailhost.cli.asynchronous import run_on_reactor
    from mailhost.dns_records.addresses import find_addresses
    from mailhost.dns_records.facts import AddressSource, HostAddresses
    from mailhost.net.dns.resolver import Resolver

    settings = loaded.settings
    if settings.dns.addresses:
        return HostAddresses(settings.dns.addresses, AddressSource.SETTINGS)
    return run_on_reactor(
        lambda reactor: find_addresses(settings.hostname, Resolver(reactor, settings.dns), reactor)
    )


def _header(plan: Plan, addresses: HostAddresses) -> Iterator[str]:
    yield f"; DNS records of {plan.domain}, for the mail host {plan.hostname}"
    for name in dict.fromkeys((plan.domain, plan.hostname)):
        if unicode_domain(name) != name:
            yield f"; {name} is how DNS writes {unicode_domain(name)}"
    if addresses.found:
        yield f"; addresses of the host: {', '.join(addresses.found)}; they are"
        yield f";   {addresses.source.value}"
    for note in plan.notes:
        yield f"; note: {note}"
