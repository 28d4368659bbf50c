"""`mailhost mailbox import`: mail of another host, from a Maildir or from mbox files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial

import click

from mailhost.application.privileges import as_other_owner
from mailhost.cli.account_mail import OpenMail, open_mail
from mailhost.cli.context import ADDRESS, Fail, config_option
from mailhost.cli.mailbox_results import Bars, print_results
from mailhost.message.address import Address
from mailhost.store.exchange.importing import Import
from mailhost.store.exchange.maildir_source import (
    is_maildir,
    source_folders,
    source_subscriptions,
)
from mailhost.store.exchange.mbox import NoMbox, Quoting
from mailhost.store.exchange.progress import Result, Rights
from mailhost.store.maildir.folder_names import INBOX, fitting

_SUFFIXES = (".mbox", ".mbx", ".sbd")


@click.command(
    "import", short_help="Import a Maildir or mbox files; a second import adds new messages."
)
@click.argument("account", type=ADDRESS)
@click.argument("source", type=click.Path())
@click.option(
    "--into",
    default="",
    metavar="FOLDER",
    help="Import to this folder, and other folders below it.",
)
@click.option("--mboxo", is_flag=True, help="The mbox files quote only `From `, and not `>From `.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@config_option
def import_(
    account: Address, source: str, into: str, mboxo: bool, as_json: bool, config: str | None
) -> None:
    """Import a Maildir with its folders, an mbox file, or a folder of mbox files.

    A folder of a Dovecot Maildir keeps its UIDs, flags and keywords where the account's folder has
    no mail yet. To other folders the messages are added. Run the command again after it was
    ended, or when there is new mail: no message is imported twice.
    """
    source = os.path.abspath(source)
    with Bars() as bars, open_mail(config, account) as mail:
        reading: Rights = partial(as_other_owner, source)
        kind = _kind(source, reading)
        try:
            importing = Import(mail.work, reading, bars)
            if kind == "maildir":
                results = _from_maildir(mail, importing, reading, source, into)
            else:
                quoting = Quoting.MBOXO if mboxo else Quoting.MBOXRD
                results = _from_mbox(mail, importing, reading, source, into, quoting)
        finally:
            mail.notify_host(["", INBOX])
        mail.notify_host([result.folder for result in results])
    print_results(results, "imported", as_json)


def _kind(source: str, reading: Rights) -> str:
    try:
        with reading():
            if not os.access(source, os.R_OK, effective_ids=True):
                text = f"the owner of {source} cannot read it there"
                raise Fail(f"{text}; let that user into the folders above it")
            if os.path.isfile(source):
                return "mbox"
            return "maildir" if is_maildir(source) else "mbox"
    except FileNotFoundError as error:
        raise Fail(f"there is no Maildir and no mbox file at {source}") from error


def _from_maildir(
    mail: OpenMail, importing: Import, reading: Rights, source: str, into: str
) -> list[Result]:
    with reading():
        folders = source_folders(source)
        subscribed = source_subscriptions(source)
    results = []
    for folder in folders:
        operation = partial(importing.maildir_folder, folder, _target(folder.name, into))
        results.append(mail.call(operation))
    importing.subscriptions([_target(name, into) for name in subscribed])
    if not into:
        importing.special_uses([folder.name for folder in folders])
    return results


def _from_mbox(
    mail: OpenMail,
    importing: Import,
    reading: Rights,
    source: str,
    into: str,
    quoting: Quoting,
) -> list[Result]:
    with reading():
        files = dict(_mbox_files(source))
    results = []
    for name, path in files.items():
        with reading():
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            operation = partial(importing.mbox_file, fd, _target(name, into), quoting)
            results.append(mail.call(operation))
        except NoMbox as error:
            raise Fail(f"{path} is no mbox file: {error}") from error
        finally:
            os.close(fd)
    return results


def _target(name: str, into: str) -> str:
    """Return the folder here for one of the source; below `into` where that is given."""
    name = fitting(name)
    if not into:
        return name
    return into if name == INBOX else f"{into}/{name}"


def _mbox_files(source: str) -> Iterator[tuple[str, str]]:
    """Yield the name of a folder and the path of each mbox file; a single file is INBOX. Below a
    directory, files that begin otherwise are left out."""
    if os.path.isfile(source):
        yield INBOX, source
        return
    for directory, directories, names in os.walk(source):
        directories[:] = sorted(name for name in directories if not name.startswith("."))
        for name in sorted(names):
            path = os.path.join(directory, name)
            if name.startswith(".") or os.path.islink(path) or not _begins_with_from(path):
                continue
            levels = os.path.relpath(path, source).split(os.sep)
            yield "/".join(map(_plain, levels)), path


def _begins_with_from(path: str) -> bool:
    if not os.path.isfile(path):
        return False
    with open(path, "rb") as file:
        return file.read(5) == b"From "


def _plain(level: str) -> str:
    """A level of a folder's name, without what mail programs put behind it."""
    for suffix in _SUFFIXES:
        level = level.removesuffix(suffix)
    return level
