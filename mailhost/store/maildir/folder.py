"""Where an account's folders lie: `mail/DOMAIN/ACCOUNT/`, and `.Name.Sub` in it for others.

`folder_names` says which directory a folder has. In an account's name a percent sign, a slash, a
zero octet and a dot in front are written `%XX`.

Older versions of this program wrote the names of folders in UTF-8, with `%2E` for a dot and `%25`
for a percent sign. A folder that they made is still used where it lies.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache

from mailhost.message.address import Address
from mailhost.store.maildir.folder_names import UnfitName, directory_of
from mailhost.store.maildir.links import is_folder


@lru_cache(maxsize=10_000)
def account_folder(mail: str, account: Address) -> str:
    """Return the path of an account's Maildir below the folder `mail`."""
    return os.path.join(mail, account.domain, _safe(account.key))


def mailbox_folder(account_path: str, folder: str) -> str:
    """Return the path of a folder; `folder` has `/` between levels, INBOX is the account's own.

    Raises ValueError for a name that no folder can have. Looks at the disk only for a name that
    older versions wrote in another way.
    """
    directory = directory_of(folder)
    older = _older_directory(folder)
    if older != directory and older and os.path.isdir(os.path.join(account_path, older)):
        made_since = isinstance(directory, str) and os.path.isdir(
            os.path.join(account_path, directory)
        )
        if not made_since:
            return os.path.join(account_path, older)
    if isinstance(directory, UnfitName):
        raise ValueError(f"{folder!r} cannot be a folder: {directory.text}")
    return os.path.join(account_path, directory) if directory else account_path


def _older_directory(folder: str) -> str:
    """Return the directory that older versions gave to a folder, empty for none."""
    levels = [_escape(level, "%.\0") for level in folder.split("/")]
    inbox = folder.upper() == "INBOX"
    return "." + ".".join(levels) if all(levels) and not inbox else ""


def all_mailboxes(mail: str) -> Iterator[str]:
    """Yield the path of every mailbox below the folder `mail`; what cannot be read is left out."""
    for domain in _folders(mail):
        for account in _folders(domain):
            yield account
            yield from _folders(account, ".")


def _folders(path: str, start: str = "") -> list[str]:
    """The folders in a folder whose names start so."""
    with suppress(OSError), os.scandir(path) as entries:
        return [
            entry.path for entry in entries if entry.name.startswith(start) and is_folder(entry)
        ]
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
