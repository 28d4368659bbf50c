"""`mailhost dkim`: the keys by which domains sign their mail."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from mailhost.cli.context import DOMAIN, config_option, load_settings
from mailhost.cli.table import print_json, print_table
from mailhost.message.address import unicode_domain

if TYPE_CHECKING:
    from mailhost.interfaces.signing import DomainKey
    from mailhost.signing.key_files import KeyFiles


@click.group("dkim", short_help="Show and change the DKIM keys of domains.")
def command() -> None:
    """Show and change the keys by which the domains of this host sign their mail (DKIM)."""


@command.command("list")
@click.argument("name", metavar="[DOMAIN]", type=DOMAIN, required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@config_option
def list_(name: str | None, as_json: bool, config: str | None) -> None:
    """List the keys of all domains, or of one, with the TXT records that DNS must have."""
    from mailhost.application.privileges import as_owner

    settings = load_settings(config).settings
    with as_owner(settings.data):
        files = _files(settings.data)
        domains = [name] if name else files.domains()
        keys = [each.public for domain in domains for each in files.read(domain) or ()]
    if as_json:
        print_json([*map(_entry, keys)])
        return
    rows = [
        (unicode_domain(key.domain), key.selector, key.algorithm, key.state.value, _date(key.made))
        for key in keys
    ]
    columns = ("domain", "selector", "kind", "state", "made")
    print_table(columns, rows, "there are no keys; the host makes them when it runs")
    for key in keys if name else ():
        click.echo(f"\n{key.name}. TXT:\n{key.record}")


def _files(data: str) -> KeyFiles:
    from mailhost.durable.blocking import BlockingCommitter
    from mailhost.durable.system import OperatingSystem
    from mailhost.signing.key_files import KeyFiles

    return KeyFiles(data, BlockingCommitter(OperatingSystem()).commit)


def _entry(key: DomainKey) -> dict[str, Any]:
    return {
        "domain": key.domain,
        "selector": key.selector,
        "algorithm": key.algorithm,
        "state": key.state.value,
        "made": key.made,
        "since": key.since,
        "name": key.name,
        "record": key.record,
    }


def _date(seconds: int) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(seconds))
