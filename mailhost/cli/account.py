"""`mailhost account`: the accounts of the directory."""

from __future__ import annotations

import time
from typing import Any

import click

from mailhost.cli.context import (
    ADDRESS,
    OWN_ADDRESS,
    Fail,
    administration,
    config_option,
    load_settings,
    new_password,
)
from mailhost.cli.table import print_json, print_table
from mailhost.cli.table import size as readable
from mailhost.message.address import Address


@click.group("account", short_help="Add, list and remove accounts; passwords, quotas.")
def command() -> None:
    """Add, list and remove accounts, set their passwords and quotas."""


@command.command()
@click.argument("address", type=OWN_ADDRESS)
@click.option(
    "--quota", metavar="SIZE", help='The most mail that the account may keep, such as "20 GB".'
)
@config_option
def add(address: Address, quota: str | None, config: str | None) -> None:
    """Add an account. Its password is asked for, or read from standard input."""
    octets = _octets(quota)
    with administration(load_settings(config)) as directory:
        directory.check_new_account(address)  # before a password is asked for
        directory.add_account(address, new_password(str(address)), octets)
    click.echo(f"{address} is added")


@command.command()
@click.argument("address", type=ADDRESS)
@config_option
def passwd(address: Address, config: str | None) -> None:
    """Set an account's password: asked for, or read from standard input."""
    with administration(load_settings(config)) as directory:
        directory.check_account(address)
        directory.set_password(address, new_password(str(address)))
    click.echo(f"{address} has a new password")


@command.command()
@click.argument("address", type=ADDRESS)
@click.argument("size", required=False)
@click.option("--unlimited", is_flag=True, help="Remove the limit.")
@config_option
def quota(address: Address, size: str | None, unlimited: bool, config: str | None) -> None:
    """Change the quota of an account, such as "20 GB"."""
    if (size is None) != unlimited:
        raise Fail("write a size, or add --unlimited")
    octets = _octets(size)
    with administration(load_settings(config)) as directory:
        directory.set_quota(address, octets)
    click.echo(f"{address} may keep {'any amount' if octets is None else readable(octets)}")


@command.command()
@click.argument("address", type=ADDRESS)
@config_option
def remove(address: Address, config: str | None) -> None:
    """Remove an account. Its mail stays in its folder."""
    loaded = load_settings(config)
    with administration(loaded) as directory:
        directory.remove_account(address)
    click.echo(f"{address} is removed; its mail stays in {loaded.settings.data}/mail")


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@config_option
def list_(as_json: bool, config: str | None) -> None:
    """List all accounts, those of the settings file too."""
    from mailhost.cli.views import both_views

    rows: list[dict[str, Any]] = [
        {
            "account": str(account.address),
            "where": where,
            "quota": account.quota,
            "login": account.has_password,
            "id": account.id,
        }
        for where, view in both_views(load_settings(config))
        for account in sorted(view.accounts(), key=lambda one: one.address)
    ]
    if as_json:
        print_json(rows)
        return
    cells = [
        (
            row["account"],
            row["where"],
            "no limit" if row["quota"] is None else readable(row["quota"]),
            "yes" if row["login"] else "no password",
        )
        for row in rows
    ]
    columns = ("account", "stored in", "quota", "may log in")
    print_table(columns, cells, "there is no account yet; `mailhost account add` adds one")


@command.group(short_help="Add, list and revoke app passwords, one for each device.")
def password() -> None:
    """Add, list and revoke app passwords: one for each device, beside the account's own password.

    `mailhost account passwd` sets the account's own.
    """


@password.command("add")
@click.argument("address", type=ADDRESS)
@click.argument("name")
@config_option
def add_password(address: Address, name: str, config: str | None) -> None:
    """Make a password for the device NAME, such as "phone", and print it this once."""
    with administration(load_settings(config)) as directory:
        made = directory.add_app_password(address, name)
    click.echo(made)


@password.command("list")
@click.argument("address", type=ADDRESS)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@config_option
def list_passwords(address: Address, as_json: bool, config: str | None) -> None:
    """List the app passwords of an account, and when each was used last.

    A running host notes the last use within ten minutes.
    """
    from mailhost.cli.views import whole_directory

    account = whole_directory(load_settings(config)).view.account(address)
    if account is None:
        raise Fail(f"there is no account {address}")
    passwords = account.app_passwords
    if as_json:
        print_json(
            [
                {"name": each.name, "created": each.created, "last_used": each.last_used}
                for each in passwords
            ]
        )
        return
    rows = [(each.name, _at(each.created, "-"), _at(each.last_used, "never")) for each in passwords]
    empty = "there is none; `mailhost account password add` makes one"
    print_table(("name", "created", "last used"), rows, empty)


@password.command("revoke")
@click.argument("address", type=ADDRESS)
@click.argument("name")
@config_option
def revoke_password(address: Address, name: str, config: str | None) -> None:
    """Revoke the password of a device: it cannot log in any more."""
    with administration(load_settings(config)) as directory:
        directory.remove_app_password(address, name)
    click.echo(f"the password for {name} is revoked")


def _at(seconds: int, never: str) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds)) if seconds else never


def _octets(quota: str | None) -> int | None:
    if quota is None:
        return None
    from pydantic import TypeAdapter, ValidationError

    from mailhost.config.types import Bytes

    try:
        return TypeAdapter(Bytes).validate_python(quota)
    except ValidationError as error:
        raise Fail(f"{quota!r} is no quota: {error.errors()[0]['ctx']['error']}") from error
