"""`mailhost hash-password`: prints the hash for the secret file of an account."""

from __future__ import annotations

import click

from mailhost.cli.context import Fail, new_password


@click.command("hash-password", short_help="Print the hash of a password.")
@click.option("--app", is_flag=True, help="Make an app password: print it too, on standard error.")
def command(app: bool) -> None:
    """Print a password's hash, for the file that an account's `password` names.

    The password is asked for, or read from standard input. With --app a new app password is made,
    and the hash is for a file that `app_passwords` names.
    """
    from mailhost.logins.app_passwords import hash_app_password, new_app_password
    from mailhost.logins.stored_secret import hash_password

    if app:
        password = new_app_password()
        click.echo(password, err=True)
        click.echo(hash_app_password(password))
        return
    password = new_password("the account")
    try:
        click.echo(hash_password(password))
    except ValueError as error:
        raise Fail(f"this password cannot be used: {error}") from error
