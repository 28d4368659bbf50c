"""`mailhost reload`: the running host reads its settings and certificates again."""

from __future__ import annotations

import os

import click

from mailhost.cli.context import Fail, NoHost, ask, config_option, find_settings


@click.command("reload", short_help="Have the running host read its settings again.")
@config_option
def command(config: str | None) -> None:
    """Have the running host read its settings and certificates again, as SIGHUP does.

    If the file has faults, they are printed, and no setting changes. Changed code of a Twisted
    plugin needs a restart.
    """
    path = os.path.abspath(find_settings(config))
    try:
        later = ask(path, "reload", path=path)
    except NoHost as error:
        remedy = "if data was changed, restart the host: it reads data only at its start"
        raise Fail(f"{error.message}; {remedy}") from error
    lines = "\n".join(later)
    exceptions = f", except these:\n{lines}\n" if later else "; "
    click.echo(f"the host uses the new settings{exceptions}its log has the changes")
