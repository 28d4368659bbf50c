"""`mailhost hash-password`: prints the hash for the secret file of an account."""

from __future__ import annotations

import click

from mailhost.cli.context import Fail, new_password


@click.command("hash-password", short_help="Print the hash of a password.")
def command() -> None:
    """Print a password's hash, for the file that an account's `password` names.

    The password is asked for, or read from standard input.
    """
    from mailhost.logins.stored_secret import hash_password

    password = new_password("the account")
    try:
        click.echo(hash_password(password))
    except ValueError as error:
        raise Fail(f"this password cannot be used: {error}") from error
