"""`mailhost status`: the counts of the running host since its start, and its processes."""

from __future__ import annotations

import click

from mailhost.cli.context import ask, config_option
from mailhost.cli.table import print_json, print_table


@click.command("status", short_help="Show what the host did since its start.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs: with details.")
@config_option
def command(as_json: bool, config: str | None) -> None:
    """Show what the host did since its start, and the connections of each process.

    `received` counts messages; `delivered`, `relayed`, `deferred` and `failed` count attempts for
    one recipient each, so a message that waits is counted as deferred more than once. With --json
    all counts are also shown separately by protocol and result.
    """
    status = ask(config, "status")
    if as_json:
        print_json(status)
        return
    counts = [(name.replace("_", " "), count) for name, count in status["totals"].items()]
    print_table(("event", "count"), counts, "")
    click.echo()
    processes = [(each["role"], each["pid"], each["connections"]) for each in status["processes"]]
    print_table(("process", "pid", "connections"), processes, "")
