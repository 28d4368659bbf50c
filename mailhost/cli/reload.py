"""`mailhost reload`: the running host reads its settings and certificates again."""

from __future__ import annotations

import click

from mailhost.cli.context import ask, config_option


@click.command("reload", short_help="Have the running host read its settings again.")
@config_option
def command(config: str | None) -> None:
    """Have the running host read its settings and certificates again, as SIGHUP does.

    If the file has faults, they are printed, and no setting changes. Changed code of a Twisted
    plugin needs a restart.
    """
    ask(config, "reload")
    click.echo("the host uses the new settings; its log has the changes")
