"""`mailhost certificates`: the certificates of the running host, and orders for new ones."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from mailhost.cli.context import DOMAIN, Fail, NoHost, ask, config_option, data_folder
from mailhost.cli.table import plain, print_json, print_table

if TYPE_CHECKING:
    from mailhost.certificates.listing import Entry

ORDER_SECONDS = 3600.0  # that the host has for its orders


@click.group(
    "certificates",
    invoke_without_command=True,
    short_help="Show the certificates, and order new ones.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@config_option
@click.pass_context
def command(context: click.Context, as_json: bool, config: str | None) -> None:
    """Show the certificates of the host: their names, their authority, when they end and are
    renewed, and why the last order failed.

    While no host runs, only those that the host has ordered are shown.
    """
    if context.invoked_subcommand is not None:
        context.obj = config
        return
    try:
        found: list[Entry] = ask(config, "certificates.list")
    except NoHost:
        found = _on_disk(config)
    if as_json:
        print_json(found)
        return
    rows = [
        (
            each["name"],
            ", ".join(each["names"]) or "none yet",
            each["issuer"] if each["kind"] == "ordered" else f"{each['issuer']} ({each['kind']})",
            _date(each["expires"]),
            _date(each["renew"]),
        )
        for each in found
    ]
    print_table(("certificate", "names", "from", "ends", "renewal"), rows, "no certificates")
    for line in _more(found):
        click.echo(plain(line))


@command.command("renew", short_help="Order certificates now.")
@click.argument("name", metavar="[NAME]", type=DOMAIN, required=False)
@click.option(
    "--staging",
    is_flag=True,
    help="Order at the directory for trials, and use nothing of it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@config_option
@click.pass_obj
def renew(
    outer: str | None, name: str | None, staging: bool, as_json: bool, config: str | None
) -> None:
    """Order the certificate called NAME, or with this name, now; without NAME all of them.

    The times that the host waits after failures do not count. --staging tries the order at the
    directory for trials: try_first of the settings, or that of Let's Encrypt.
    """
    results = ask(
        config or outer,
        "certificates.renew",
        answer_within=ORDER_SECONDS,
        certificate=name or "",
        staging=staging,
    )
    for each in () if as_json else results:
        done = "the trial succeeded" if staging else "a new certificate is in use"
        result = done if each["ordered"] else "no certificate"
        click.echo(plain(f"{each['name']}: {result}"))
        for failure in each["failures"]:
            click.echo(plain(f"  {failure}"))
    if as_json:
        print_json(results)
    sys.exit(1 if any(each["failures"] for each in results) else 0)


def _on_disk(config: str | None) -> list[Entry]:
    """Return the certificates in the data folder, with the rights of its owner."""
    from mailhost.application.privileges import as_owner
    from mailhost.certificates.folder import read_certificates_of, read_state_of
    from mailhost.certificates.listing import entries

    data = data_folder(config)
    try:
        with as_owner(data):
            stored = read_certificates_of(data)
            state = read_state_of(data)
    except OSError as error:
        raise Fail(f"the certificates cannot be read: {error}") from error
    for fault in stored.faults:
        click.echo(plain(fault), err=True)
    return entries(None, {each.name: each for each in stored.certificates}, state)


def _more(found: Sequence[Entry]) -> Iterator[str]:
    """Yield lines about names that are missing, and about failures."""
    for each in found:
        reasons = [f"{name} ({why})" for name, why in each["missing"].items() if why]
        if reasons:
            yield f"{each['name']}: left out are {', '.join(reasons)}"
        for failure in each["failures"]:
            at, again = _moment(failure["at"]), _moment(failure["next"])
            yield f"{each['name']}: failed at {at}, next attempt at {again}: {failure['text']}"


def _date(seconds: float | None) -> str:
    return "" if seconds is None else time.strftime("%Y-%m-%d", time.localtime(seconds))


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
