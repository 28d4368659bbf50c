"""`mailhost domain`: the domains of the directory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from mailhost.cli.context import (
    ADDRESS,
    DOMAIN,
    Fail,
    administration,
    config_option,
    load_settings,
)
from mailhost.cli.table import print_json, print_table
from mailhost.interfaces.accounts import Domain
from mailhost.message.address import Address, unicode_domain


@click.group("domain")
def command() -> None:
    """Add, list and remove domains."""


@command.command()
@click.argument("name", type=DOMAIN)
@click.option(
    "--alias-of",
    type=DOMAIN,
    metavar="DOMAIN",
    help="Make NAME another name of this domain.",
)
@config_option
def add(name: str, alias_of: str | None, config: str | None) -> None:
    """Add a domain, or another name for one."""
    with administration(load_settings(config)) as directory:
        if alias_of:
            directory.add_alias_domain(name, alias_of)
        else:
            directory.add_domain(name)
    click.echo(f"{name} is added" + (f", another name for {alias_of}" if alias_of else ""))
    click.echo(f"its DNS records come next: `mailhost dns {name}` prints them")


@command.command()
@click.argument("name", type=DOMAIN)
@click.option("--force", is_flag=True, help="Remove its accounts, aliases and other names too.")
@config_option
def remove(name: str, force: bool, config: str | None) -> None:
    """Remove a domain. The mail of its accounts stays in its folders."""
    loaded = load_settings(config)
    with administration(loaded, ", or add --force") as directory:
        directory.remove_domain(name, force)
    click.echo(f"{name} is removed; its mail stays in {loaded.settings.data}/mail/{name}")


@command.command("catch-all")
@click.argument("name", type=DOMAIN)
@click.argument("address", type=ADDRESS, required=False)
@click.option("--nobody", is_flag=True, help="Refuse unknown names again.")
@click.option("--force", is_flag=True, help="Set it even if the address does not exist yet.")
@config_option
def catch_all(
    name: str, address: Address | None, nobody: bool, force: bool, config: str | None
) -> None:
    """Set the address that gets all mail for names without an account or alias in a domain.

    An address in a domain of this host must exist.
    """
    if (address is None) != nobody:
        raise Fail("name an address, or add --nobody")
    hint = " (--force sets it nevertheless)"
    with administration(load_settings(config), hint) as directory:
        directory.set_catch_all(name, address, force)
    click.echo(
        f"mail for unknown names at {name} " + (f"goes to {address}" if address else "is refused")
    )


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@config_option
def list_(as_json: bool, config: str | None) -> None:
    """List all domains, those of the settings file too."""
    from mailhost.cli.views import both_views

    rows = [
        _row(domain, where, view.also)
        for where, view in both_views(load_settings(config))
        for _, domain in sorted(view.domains.items())
    ]
    if as_json:
        print_json(rows)
        return
    cells = [
        (unicode_domain(name), *rest, ", ".join(also))
        for name, *rest, also in (row.values() for row in rows)
    ]
    columns = ("domain", "stored in", "accounts", "aliases", "catch-all", "other names")
    print_table(columns, cells, "there is no domain yet; `mailhost domain add NAME` adds one")


def _row(domain: Domain, where: str, also: Mapping[str, str]) -> dict[str, Any]:
    return {
        "domain": domain.name,
        "where": where,
        "accounts": len(domain.accounts),
        "aliases": len(domain.aliases),
        "catch_all": str(domain.catch_all) if domain.catch_all else None,
        "also": sorted(alias for alias, own in also.items() if own == domain.name),
    }
