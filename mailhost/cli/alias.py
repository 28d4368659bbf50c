"""`mailhost alias`: the aliases of the directory."""

from __future__ import annotations

from typing import Any

import click

from mailhost.cli.context import (
    ADDRESS,
    OWN_ADDRESS,
    administration,
    config_option,
    load_settings,
)
from mailhost.cli.table import print_json, print_table
from mailhost.message.address import Address


@click.group("alias")
def command() -> None:
    """Add, list and remove aliases."""


@command.command()
@click.argument("address", type=OWN_ADDRESS)
@click.argument("targets", metavar="TARGET...", type=ADDRESS, nargs=-1, required=True)
@click.option("--force", is_flag=True, help="Add it even if a target does not exist yet.")
@config_option
def add(address: Address, targets: tuple[Address, ...], force: bool, config: str | None) -> None:
    """Add an alias: its mail is sent to the targets, which may be addresses of other hosts.

    A target in a domain of this host must exist, and must not lead back to the alias.
    """
    hint = " (--force adds the alias nevertheless)"
    with administration(load_settings(config), hint) as directory:
        directory.add_alias(address, targets, force)
    click.echo(f"mail for {address} goes to {', '.join(map(str, targets))}")


@command.command()
@click.argument("address", type=ADDRESS)
@config_option
def remove(address: Address, config: str | None) -> None:
    """Remove an alias."""
    with administration(load_settings(config)) as directory:
        directory.remove_alias(address)
    click.echo(f"{address} is removed")


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@config_option
def list_(as_json: bool, config: str | None) -> None:
    """List all aliases, those of the settings file too."""
    from mailhost.cli.views import both_views

    rows: list[dict[str, Any]] = [
        {
            "alias": str(Address(local, domain.name)),
            "where": where,
            "targets": list(map(str, targets)),
        }
        for where, view in both_views(load_settings(config))
        for _, domain in sorted(view.domains.items())
        for local, targets in sorted(domain.aliases.items())
    ]
    if as_json:
        print_json(rows)
        return
    cells = [(row["alias"], row["where"], ", ".join(row["targets"])) for row in rows]
    columns = ("alias", "stored in", "targets")
    print_table(columns, cells, "there is no alias yet; `mailhost alias add` adds one")
