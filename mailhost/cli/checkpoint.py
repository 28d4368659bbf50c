"""`mailhost checkpoint`: the file system has all that the log of the running host has."""

from __future__ import annotations

import click

from mailhost.cli.context import ask, config_option


@click.command("checkpoint", short_help="Have the files complete on the disk, for a backup.")
@config_option
def command(config: str | None) -> None:
    """Have the running host make all files durable that only its log has for sure.

    A copy of the data folder that is made after that needs no log for the mail that arrived before.
    """
    ask(config, "checkpoint")
    click.echo("all files are on the disk")
