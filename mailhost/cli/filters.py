"""`mailhost filters`: the counts of the filters of the running host."""

from __future__ import annotations

import click

from mailhost.cli.context import ask, config_option
from mailhost.cli.table import print_json, print_table


@click.command("filters", short_help="Show what the filters did so far.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@config_option
def command(as_json: bool, config: str | None) -> None:
    """Show what each filter did since the host started, and what it would have done.

    A filter is asked at least once for each message; `failed` counts failures of the filter.
    """
    filters = ask(config, "filters")
    if as_json:
        print_json(filters)
        return
    rows = [
        (each["name"], each["kind"], each["mode"], each["asked"], _actions(each["did"]))
        for each in filters
    ]
    print_table(("filter", "kind", "mode", "asked", "did"), rows, "there are no filters")


def _actions(did: dict[str, int]) -> str:
    return ", ".join(f"{what} {count}" for what, count in sorted(did.items()))
