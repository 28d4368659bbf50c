"""`mailhost mailbox undelete`: expunged messages that are still kept."""

from __future__ import annotations

import time
from datetime import datetime
from functools import partial

import click

from mailhost.cli.account_mail import open_mail
from mailhost.cli.context import ADDRESS, Fail, Parsed, config_option
from mailhost.cli.table import counted, print_json, print_table, size
from mailhost.message.address import Address
from mailhost.store.folders.undelete import Expunged, Wanted, kept, restore
from mailhost.store.maildir.folder_names import canonical


def _time(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError as error:
        raise Fail(f'{text!r} is no time; write "2026-11-28" or "2026-11-28 14:05"') from error


TIME = Parsed(_time)


@click.command(short_help="List expunged messages that are still kept, and bring them back.")
@click.argument("account", type=ADDRESS)
@click.option("--folder", default="", help="Only those that were in this folder.")
@click.option("--after", type=TIME, metavar="TIME", default=None, help="Removed then or later.")
@click.option("--before", type=TIME, metavar="TIME", default=None, help="Removed then or earlier.")
@click.option("--subject", default="", metavar="TEXT", help="With this text in the subject.")
@click.option("--restore", "brings_back", is_flag=True, help="Bring them back.")
@click.option("--into", default="", metavar="FOLDER", help="To this folder, not where they were.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@config_option
def undelete(
    account: Address,
    folder: str,
    after: float | None,
    before: float | None,
    subject: str,
    brings_back: bool,
    into: str,
    as_json: bool,
    config: str | None,
) -> None:
    """List expunged messages that are still kept, or bring them back with --restore.

    They are kept as long as `keep_expunged` in [store] says. A restored message is a new one
    for mail programs.
    """
    if into and not brings_back:
        raise Fail("--into belongs to --restore")
    wanted = Wanted(
        canonical(folder), after or 0.0, float("inf") if before is None else before, subject
    )
    with open_mail(config, account) as mail:
        found = mail.run(lambda work: list(kept(work, wanted)))
        if not brings_back:
            _print(found, as_json)
            return
        counts = mail.run(partial(restore, messages=found, into=into))
        mail.notify_host(["", *counts])
    if as_json:
        print_json(counts)
        return
    for name, count in counts.items():
        click.echo(f"{counted(count, 'message')} restored to {name}")
    if not counts:
        click.echo("no such message is kept")


def _print(found: list[Expunged], as_json: bool) -> None:
    if as_json:
        print_json(
            [
                {
                    "removed": each.removed,
                    "folder": each.folder,
                    "size": each.size,
                    "from": each.sender,
                    "subject": each.subject,
                }
                for each in found
            ]
        )
        return
    rows = [
        (
            time.strftime("%Y-%m-%d %H:%M", time.localtime(each.removed)),
            each.folder,
            size(each.size),
            each.sender,
            each.subject,
        )
        for each in found
    ]
    columns = ("removed", "folder", "size", "from", "subject")
    print_table(columns, rows, "no such message is kept", cut=("from", "subject"))
