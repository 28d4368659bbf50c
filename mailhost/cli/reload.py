"""`mailhost reload`: the running host reads its settings and certificates again."""

from __future__ import annotations

import click

from mailhost.cli.context import ask, config_option


@click.command("reload", short_help="Have the running host read its settings again.")
@config_option
def command(config: str | None) -> None:
    """Have the running host read its settings and certificates again, as SIGHUP does.

    A file with a fault is refused whole, and its faults are printed here.
    """
    ask(config, "reload")
    click.echo("the host goes on with the new settings; its log tells what changed")
