"""`mailhost login`: addresses and accounts with too many failed logins, and how to unblock them."""

from __future__ import annotations

from typing import Any

import click

from mailhost.cli.context import ask, config_option
from mailhost.cli.table import print_json, print_table


@click.group("login", short_help="Show blocked logins, and unblock them.")
def command() -> None:
    """Show addresses and accounts with too many failed logins, and unblock them."""


@command.command(short_help="List the blocked addresses and accounts.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@config_option
def blocked(as_json: bool, config: str | None) -> None:
    """List the addresses and accounts whose logins are refused, with the remaining time.

    If an account is attacked from many addresses, addresses that did not log in to it in the last
    30 days are refused.
    """
    blocks = ask(config, "login.blocked")
    if as_json:
        print_json(blocks)
        return
    rows = [
        (
            _client(block),
            block["account"] or "any",
            str(block["failures"]),
            f"{int(block['seconds'] // 60) + 1} min",
        )
        for block in blocks
    ]
    print_table(("address", "account", "failures", "for"), rows, "no logins are blocked")


def _client(block: dict[str, Any]) -> str:
    client = str(block["client"])
    return {"*": "all unknown", "": "unix sockets"}.get(client, client)


@command.command()
@click.argument("what", metavar="ADDRESS|ACCOUNT")
@config_option
def unblock(what: str, config: str | None) -> None:
    """Remove the failed logins of an address or an account."""
    ask(config, "login.unblock", what=what)
    click.echo(f"{what} may try again")
