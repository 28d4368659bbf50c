"""Where an account's folders lie: `mail/DOMAIN/ACCOUNT/`, and `.Name.Sub` in it for others.

Folder names are UTF-8 with `.` between levels, as Maildir++ has it; a dot within a name is written
`%2E`, and a percent sign `%25`. So are characters that a file name cannot hold, and those of an
account's name: a slash, or a dot in front.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache

from mailhost.message.address import Address


@lru_cache(maxsize=10_000)
def account_folder(mail: str, account: Address) -> str:
    """Return the path of an account's Maildir below the folder `mail`."""
    return os.path.join(mail, account.domain, _safe(account.key))


def mailbox_folder(account_path: str, folder: str) -> str:
    """Return the path of a folder; `folder` has `/` between levels, INBOX is the account's own.

    Raises ValueError where a level has no name.
    """
    if folder.upper() == "INBOX":
        return account_path
    levels = [_escape(level, "%.\0") for level in folder.split("/")]
    if not all(levels):
        raise ValueError(f"{folder!r} has a level without a name")  # `/` would lead to `..`
    return os.path.join(account_path, "." + ".".join(levels))


def all_mailboxes(mail: str) -> Iterator[str]:
    """Yield the path of every mailbox below the folder `mail`; what cannot be read is left out."""
    for domain in _folders(mail):
        for account in _folders(domain):
            yield account
            yield from _folders(account, ".")


def _folders(path: str, start: str = "") -> list[str]:
    """The folders in a folder whose names start so."""
    with suppress(OSError), os.scandir(path) as entries:
        found = [entry.path for entry in entries if entry.name.startswith(start)]
        return list(filter(os.path.isdir, found))
    return []


def make_maildir(path: str) -> None:
    """Make a Maildir whole, and the folders above it that are missing. Raises OSError."""
    make_folder(path)
    for name in ("tmp", "new", "cur"):
        make_folder(os.path.join(path, name))


def complete_maildir(path: str) -> None:
    """Make cur/ where there is new/ without it: other readers of Maildirs fail then.

    A failure is left: we need no cur/ ourselves.
    """
    if os.path.isdir(os.path.join(path, "new")):
        with suppress(OSError):
            os.mkdir(os.path.join(path, "cur"), 0o700)


def make_folder(path: str) -> None:
    """Make a folder and those above it that are missing, for their owner alone. Raises OSError."""
    with suppress(FileExistsError):
        try:
            os.mkdir(path, 0o700)
        except FileNotFoundError:
            make_folder(os.path.dirname(path))
            os.mkdir(path, 0o700)


def _safe(name: str) -> str:
    safe = _escape(name, "%/\0")
    return f"%2E{safe[1:]}" if safe.startswith(".") else safe


def _escape(name: str, letters: str) -> str:
    return "".join(f"%{ord(letter):02X}" if letter in letters else letter for letter in name)
