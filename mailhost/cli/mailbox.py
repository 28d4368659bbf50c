"""`mailhost mailbox`: the folders and messages of an account."""

from __future__ import annotations

from functools import partial
from typing import Any

import click

from mailhost.cli.account_mail import open_mail
from mailhost.cli.context import ADDRESS, Fail, config_option
from mailhost.cli.mailbox_export import export
from mailhost.cli.mailbox_import import import_
from mailhost.cli.mailbox_undelete import undelete
from mailhost.cli.table import counted, print_json, print_table, size
from mailhost.message.address import Address
from mailhost.store.folders import checking, tree
from mailhost.store.folders.account_work import AccountWork
from mailhost.store.folders.refresh import refreshed


@click.group("mailbox", short_help="Folders of an account: list, check, import, export, undelete.")
def command() -> None:
    """Look at the folders of an account and change them, whether the host runs or not."""


command.add_command(import_)
command.add_command(export)
command.add_command(undelete)


@command.command("list")
@click.argument("account", type=ADDRESS)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@config_option
def list_(account: Address, as_json: bool, config: str | None) -> None:
    """List the folders of an account."""
    with open_mail(config, account) as mail:
        rows = mail.run(_listed)
    if as_json:
        print_json(rows)
        return
    cells = [
        (
            row["folder"],
            "-" if row["messages"] is None else row["messages"],
            "-" if row["unseen"] is None else row["unseen"],
            row["special_use"],
            "yes" if row["subscribed"] else "no",
        )
        for row in rows
    ]
    columns = ("folder", "messages", "unseen", "special use", "subscribed")
    print_table(columns, cells, "there are no folders")


def _listed(work: AccountWork) -> list[dict[str, Any]]:
    paths = tree.directories(work)
    rows = []
    for info in tree.list_folders(work):
        row = (
            refreshed(work, paths[info.name]).row
            if info.selectable and info.name in paths
            else None
        )
        rows.append(
            {
                "folder": info.name,
                "messages": row.messages if row else None,
                "unseen": row.unseen if row else None,
                "special_use": info.special_use,
                "subscribed": info.subscribed,
            }
        )
    return rows


@command.command()
@click.argument("account", type=ADDRESS)
@click.argument("folders", metavar="[FOLDER]...", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@config_option
def status(account: Address, folders: tuple[str, ...], as_json: bool, config: str | None) -> None:
    """Show the counts and numbers of folders, of all without a FOLDER."""
    with open_mail(config, account) as mail:
        names = folders or tuple(mail.run(tree.directories))
        found = mail.run(partial(tree.statuses, names=names))
    for name in names:
        if name not in found:
            raise Fail(f"there is no folder {name}; `mailhost mailbox list {account}` shows all")
    rows: list[dict[str, Any]] = [
        {
            "folder": name,
            "messages": each.messages,
            "unseen": each.unseen,
            "deleted": each.deleted,
            "size": each.size,
            "uid_next": each.uid_next,
            "uid_validity": each.uid_validity,
            "highest_modseq": each.highest_modseq,
            "mailbox_id": each.mailbox_id,
        }
        for name, each in found.items()
    ]
    if as_json:
        print_json(rows)
        return
    cells = [(*(size(row[key]) if key == "size" else row[key] for key in row),) for row in rows]
    columns = [key.replace("_", " ") for key in rows[0]]
    print_table(columns, cells, "there are no folders")


@command.command()
@click.argument("account", type=ADDRESS)
@click.argument("folder")
@click.option("--special-use", metavar="USE", help="Such as \\Sent or \\Archive (RFC 6154).")
@click.option("--subscribe", is_flag=True, help="Show it in mail programs.")
@config_option
def create(
    account: Address, folder: str, special_use: str | None, subscribe: bool, config: str | None
) -> None:
    """Make a folder; levels of its name are separated by "/"."""
    with open_mail(config, account) as mail:
        use = _special_use(special_use)
        mail.run(partial(tree.create, name=folder, special_use=use))
        if subscribe:
            mail.run(partial(tree.subscribe, name=folder, subscribed=True))
        mail.notify_host([""])
    click.echo(f"{folder} is made")


def _special_use(text: str | None) -> str:
    from mailhost.store.folders.special_use import STANDARD

    if text is None:
        return ""
    use = "\\" + text.removeprefix("\\").capitalize()
    if use not in STANDARD:
        raise Fail(f"{text!r} is no special use; choose one of {', '.join(STANDARD)}")
    return use


@command.command()
@click.argument("account", type=ADDRESS)
@click.argument("folder")
@click.argument("new")
@config_option
def rename(account: Address, folder: str, new: str, config: str | None) -> None:
    """Rename a folder with those below it. The messages of INBOX move to a new folder."""
    with open_mail(config, account) as mail:
        mail.run(partial(tree.rename, old=folder, new=new))
        mail.notify_host(["", folder, new])
    click.echo(f"{folder} is {new} now")


@command.command()
@click.argument("account", type=ADDRESS)
@click.argument("folder")
@click.option("--force", is_flag=True, help="Remove its messages too; they cannot be restored.")
@config_option
def remove(account: Address, folder: str, force: bool, config: str | None) -> None:
    """Remove a folder; those below it stay."""
    with open_mail(config, account) as mail:
        place = mail.run(partial(tree.found, name=folder))
        if not place.path:
            raise Fail(tree.INBOX_STAYS.text)
        count = mail.run(lambda work: refreshed(work, place.path).row.messages)
        if count and not force:
            raise Fail(f"{folder} has {counted(count, 'message')}; move them first, or say --force")
        mail.run(partial(tree.remove, name=folder))
        mail.run(partial(tree.subscribe, name=folder, subscribed=False))
        mail.notify_host(["", place.name])
    click.echo(f"{folder} is removed")


@command.command()
@click.argument("account", type=ADDRESS)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@config_option
def check(account: Address, as_json: bool, config: str | None) -> None:
    """Compare the cache, the UID lists and the files; exits with 1 where they differ."""
    with open_mail(config, account) as mail:
        differences = mail.run(checking.check)
    rows = [(each.folder, each.place.value, each.text) for each in differences]
    columns = ("folder", "where", "what differs")
    if as_json:
        print_json([dict(zip(("folder", "where", "text"), row, strict=True)) for row in rows])
    else:
        print_table(columns, rows, f"the mail of {account} is in order")
    if not rows:
        return
    hint = ""
    if any(each.place is checking.FaultPlace.CACHE for each in differences):
        hint = f"; `mailhost mailbox rebuild {account}` makes the cache anew"
    raise Fail(f"{counted(len(rows), 'difference')}{hint}")


@command.command()
@click.argument("account", type=ADDRESS)
@config_option
def rebuild(account: Address, config: str | None) -> None:
    """Make the cache anew from the files. UIDs and flags stay."""
    with open_mail(config, account) as mail:
        count = mail.run(checking.rebuild)
        mail.notify_host(list(mail.run(tree.directories)))
    click.echo(f"the cache of {account} is made anew, with {counted(count, 'message')}")
