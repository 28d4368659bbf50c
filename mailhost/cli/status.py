"""`mailhost status`: the running host on one screen."""

from __future__ import annotations

import click

from mailhost.cli.context import ask, config_option
from mailhost.cli.table import plain, print_json, text_width


@click.command("status", short_help="Show the running host on one screen.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs: with details.")
@config_option
def command(as_json: bool, config: str | None) -> None:
    """Show the running host: its processes, listeners, queue, disk and certificates, and what it
    did since its start.

    `received` counts messages; `delivered`, `relayed`, `deferred` and `failed` count attempts for
    one recipient each, so a message that waits is counted as deferred more than once. With --json
    all counts are also shown separately by protocol and result.
    """
    status = ask(config, "status")
    if as_json:
        print_json(status)
        return
    from mailhost.cli.status_text import status_lines

    for line in status_lines(status, text_width()):
        click.echo(plain(line))
