"""Where an account's folders lie: `mail/DOMAIN/ACCOUNT/`, and `.Name.Sub` in it for others.

Folder names are UTF-8 with `.` between levels, as Maildir++ has it; a dot or slash within a name is
written `%2E` or `%2F`, and a percent sign `%25`. So are characters of an account's name that a file
name cannot hold.
"""

from __future__ import annotations

import os

from mailhost.message.address import Address


def account_folder(mail: str, account: Address) -> str:
    """Return the path of an account's Maildir below the folder `mail`."""
    return os.path.join(mail, account.domain, _safe(account.key))


def mailbox_folder(account_path: str, folder: str) -> str:
    """Return the path of a folder; `folder` has `/` between levels, INBOX is the account's own."""
    if folder.upper() == "INBOX":
        return account_path
    levels = (_escape(level, "%./") for level in folder.split("/"))
    return os.path.join(account_path, "." + ".".join(levels))


def _safe(name: str) -> str:
    safe = _escape(name, "%/\0")
    return f"%2E{safe[1:]}" if safe.startswith(".") else safe


def _escape(name: str, letters: str) -> str:
    return "".join(f"%{ord(letter):02X}" if letter in letters else letter for letter in name)
