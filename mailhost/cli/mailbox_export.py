"""`mailhost mailbox export`: the mail of an account as a Maildir or as mbox files."""

from __future__ import annotations

import os
from functools import partial

import click

from mailhost.application.privileges import as_other_owner
from mailhost.cli.account_mail import open_mail
from mailhost.cli.context import ADDRESS, Fail, config_option
from mailhost.cli.mailbox_results import Bars, print_results
from mailhost.message.address import Address
from mailhost.store.exchange.exporting import CannotExport, MaildirExport, MboxExport, places
from mailhost.store.exchange.progress import Rights
from mailhost.store.maildir.folder_names import canonical


@click.command(
    short_help="Export to a Maildir or to mbox files; a second export adds new messages."
)
@click.argument("account", type=ADDRESS)
@click.argument("target", type=click.Path())
@click.option("--mbox", is_flag=True, help="Write an mbox file for each folder (mboxrd).")
@click.option("--folder", "folders", multiple=True, metavar="FOLDER", help="Only this; repeatable.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@config_option
def export(
    account: Address,
    target: str,
    mbox: bool,
    folders: tuple[str, ...],
    as_json: bool,
    config: str | None,
) -> None:
    """Export the mail of an account to the folder TARGET, as a Maildir that Dovecot can use.

    The Maildir has the UIDs, flags, keywords and subscriptions. Run the command again after it was
    ended, or when there is new mail: no message is exported twice.
    """
    target = os.path.abspath(target)
    with Bars() as bars, open_mail(config, account) as mail:
        writing: Rights = partial(as_other_owner, _existing(target))
        wanted = mail.run(partial(places, folders=[canonical(name) for name in folders]))
        missing = {canonical(name) for name in folders} - {place.name for place in wanted}
        if missing:
            raise Fail(f"there is no folder {', '.join(sorted(missing))}")
        if os.path.commonpath((target, mail.work.root)) == mail.work.root:
            raise Fail(f"{target} lies in the mail of {account}; name another folder")
        try:
            exporting: MaildirExport | MboxExport = (MboxExport if mbox else MaildirExport)(
                mail.work, target, writing, bars
            )
            results = [mail.call(partial(exporting.folder, place)) for place in wanted]
            if isinstance(exporting, MaildirExport):
                exporting.subscriptions()
        except CannotExport as error:
            raise Fail(str(error)) from error
    print_results(results, "exported", as_json)


def _existing(path: str) -> str:
    """Return the path, or what of it exists: its owner's rights are used to write there."""
    while not os.path.lexists(path):
        path = os.path.dirname(path)
    return path
