"""Checks the directory: that its database is whole, and which domains, accounts and aliases are
probably mistakes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing
from functools import partial

from mailhost.concurrency.threads import InThread
from mailhost.config.load import Loaded
from mailhost.directory.from_settings import view_of_settings
from mailhost.directory.hints import NO_DOMAIN, directory_hints, lacks_domains
from mailhost.directory.place import database_path
from mailhost.directory.sqlite import DirectoryBroken, DirectoryBusy, DirectoryDatabase
from mailhost.directory.union import Union, unite
from mailhost.doctor.checks import Check
from mailhost.doctor.finding import Fault, Finding, failure, ok, unknown, warning
from mailhost.doctor.host.data_folder import DISK_SLOW

DIRECTORY_DAMAGED = Fault(
    "directory-damaged", "Accounts, passwords and aliases are in this database."
)
DIRECTORY_BUSY = Fault(
    "directory-busy", "While another process holds the database, no command can change it."
)
DOMAIN_MISSING = Fault(
    "no-domain", "A host that has no domain answers all mail 451, so that it is not lost."
)
DIRECTORY_DOUBTFUL = Fault(
    "directory-doubtful", "Mail to such names goes round in circles, or is refused."
)
TOPIC = "Directory"
SECONDS = 3.8


def directory_check(loaded: Loaded, in_thread: InThread) -> Check:
    """Return the check. A folder or database that is missing is left to that of the data folder."""

    async def run() -> Sequence[Finding]:
        return await in_thread(partial(directory_findings, loaded))

    return Check(TOPIC, "directory", SECONDS, run, (DISK_SLOW,))


def directory_findings(loaded: Loaded) -> list[Finding]:
    """Return all findings about the directory. Blocks for the disk."""
    path = database_path(loaded.settings.data)
    if not os.access(path, os.R_OK | os.W_OK, effective_ids=True):
        return []
    tried = f"directory {path}"
    try:
        with closing(DirectoryDatabase(path)) as database:
            damage = database.damage()
            view = database.view()
    except DirectoryBusy as error:
        remedy = "End the process that holds the file: `fuser` shows it."
        return [unknown(DIRECTORY_BUSY, tried, str(error), remedy)]
    except DirectoryBroken as error:
        return [_damaged(tried, str(error))]
    if damage:
        return [_damaged(tried, damage)]
    union = unite(view_of_settings(loaded.settings, loaded.secrets), view)
    return [*_hints(loaded, union)] or [_right(tried, union)]


def _damaged(tried: str, seen: str) -> Finding:
    remedy = "Stop the host, restore the file from a backup, and start the host."
    return failure(DIRECTORY_DAMAGED, tried, seen, remedy)


def _hints(loaded: Loaded, union: Union) -> list[Finding]:
    found = []
    if lacks_domains(loaded.settings, union):
        remedy = "Add the domain of your mail addresses:"
        command = "mailhost domain add example.com"
        seen = "there is no domain, so mail is answered 451"
        found.append(failure(DOMAIN_MISSING, "domains", seen, remedy, command))
    for text in directory_hints(loaded.settings, union):
        if text != NO_DOMAIN:
            subject, _, rest = text.rpartition(": ")
            remedy = "Correct it with `mailhost alias`, `mailhost account` or in the settings file."
            found.append(warning(DIRECTORY_DOUBTFUL, subject or "directory", rest, remedy))
    return found


def _right(tried: str, union: Union) -> Finding:
    domains = union.view.domains.values()
    accounts = sum(len(each.accounts) for each in domains)
    aliases = sum(len(each.aliases) for each in domains)
    counts = ((len(domains), "domain"), (accounts, "account"), (aliases, "alias"))
    return ok(tried, f"whole, with {', '.join(_counted(*each) for each in counts)}")


def _counted(count: int, noun: str) -> str:
    plural = "aliases" if noun == "alias" else f"{noun}s"
    return f"{count} {noun if count == 1 else plural}"
