"""`mailhost hash-password`: what goes into an account's secret file."""

from __future__ import annotations

import click

from mailhost.cli.context import new_secret


@click.command("hash-password", short_help="Print what goes into a secret file.")
def command() -> None:
    """Print a password's hash, for the file that an account's `password` names.

    The password is asked for, or read from standard input.
    """
    click.echo(new_secret("the account"))
