"""Finds the files of expunged messages, which are kept for an undelete for a while.

They lie in `mailhost-expunged/SECONDS,FOLDER/` of the account's Maildir, where no reader of
Maildirs looks: SECONDS since 1970 is the time of the removal, FOLDER the directory of the folder
that they were in, empty for INBOX. Everything blocks.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from mailhost.store.maildir.folder_names import LONGEST

NAME = "mailhost-expunged"


@dataclass(frozen=True, slots=True)
class Removal:
    """The messages that were removed from one folder within a second. `path` has their files."""

    path: str
    seconds: int
    folder: str


def kept_path(account: str, seconds: float, folder: str) -> str:
    """Return the path for messages that are removed from `folder`, a directory, at that time. A
    folder whose name would be too long with the time counts as INBOX."""
    name = f"{int(seconds)},{folder}"
    if len(os.fsencode(name)) > LONGEST:
        name = f"{int(seconds)},"
    return os.path.join(account, NAME, name)


def removals(account: str) -> list[Removal]:
    """Return what is kept in the Maildir at that path, oldest first. Raises OSError."""
    try:
        names = os.listdir(os.path.join(account, NAME))
    except FileNotFoundError:
        return []
    found = []
    for name in names:
        seconds, comma, folder = name.partition(",")
        if comma and seconds.isascii() and seconds.isdigit():
            found.append(Removal(os.path.join(account, NAME, name), int(seconds), folder))
    return sorted(found, key=lambda removal: (removal.seconds, removal.folder))


def outdated(account: str, before: float) -> Iterator[str]:
    """Yield the paths of files that were removed before that time, in seconds since 1970.

    Directories in which none is left are removed. Unreadable ones are left out.
    """
    with suppress(OSError):
        for removal in removals(account):
            if removal.seconds < before:
                with suppress(OSError):
                    names = os.listdir(removal.path)
                    if not names:
                        os.rmdir(removal.path)
                    for name in names:
                        yield os.path.join(removal.path, name)
