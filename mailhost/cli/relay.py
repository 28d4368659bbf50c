"""`mailhost relay`: what the running host remembers of other mail hosts."""

from __future__ import annotations

import click

from mailhost.cli.context import ask, config_option
from mailhost.cli.table import print_json, print_table


@click.group("relay", short_help="Show the TLS of other mail hosts, and forget it.")
def command() -> None:
    """Show the TLS that was seen at other mail hosts, and forget it."""


@command.command("seen-tls", short_help="List the hosts at which TLS was seen.")
@click.argument("name", default="")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@config_option
def seen_tls(name: str, as_json: bool, config: str | None) -> None:
    """List the mail hosts at which TLS was seen, with the last day of it.

    NAME is a host, or a domain for all hosts below it; by default all are listed.
    """
    hosts = ask(config, "relay.seen_tls", host=name)
    if as_json:
        print_json(hosts)
        return
    rows = [(each["host"], each["tls"], each["verified"] or "never") for each in hosts]
    columns = ("host", "TLS", "with a verified certificate")
    print_table(columns, rows, "no TLS was seen")


@command.command("forget-tls")
@click.argument("name")
@config_option
def forget_tls(name: str, config: str | None) -> None:
    """Forget the TLS of a host, or of all hosts below a domain.

    Mail that waits since a host has lost its TLS is then sent without TLS, at its next attempt;
    `mailhost queue retry` tries it now.
    """
    for host in ask(config, "relay.forget_tls", host=name):
        click.echo(f"the TLS of {host} is forgotten")
