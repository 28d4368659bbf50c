"""Where a file of the data folder may be by now, as readers of Maildirs move and rename files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress

from mailhost.durable.log.names import base_name
from mailhost.durable.system import OperatingSystem

EXPUNGED = "mailhost-expunged"  # see store/maildir/expunged
_NAMES = ("new", "cur")


def account_of(path: str) -> str:
    """Return the folder of the account whose Maildir has this file, as a message or as one that is
    kept after it was expunged; empty for a file elsewhere."""
    folder, _, _ = path.rpartition("/")
    maildir, _, name = folder.rpartition("/")
    if maildir.endswith(f"/{EXPUNGED}"):
        return maildir.removesuffix(f"/{EXPUNGED}")
    if name not in _NAMES:
        return ""
    above, _, last = maildir.rpartition("/")
    return above if last.startswith(".") else maildir


class Places:
    """Finds files by their base names. Each folder is listed once."""

    def __init__(self, system: OperatingSystem) -> None:
        self._system = system
        self._names: dict[str, dict[str, list[str]]] = {}  # by folder and base name

    def beside(self, path: str) -> list[str]:
        """Return the files with the base name of a message in new/ and cur/ of its folder."""
        folder = os.path.dirname(path)
        if os.path.basename(folder) not in _NAMES:
            return []
        maildir = os.path.dirname(folder)
        return self._found(base_name(path), [f"{maildir}/{name}" for name in _NAMES])

    def anywhere(self, path: str) -> list[str]:
        """Return the files with the base name of a message in all folders of its account."""
        account = account_of(path)
        return self._found(base_name(path), self._folders(account)) if account else []

    def _found(self, base: str, folders: Iterator[str] | list[str]) -> list[str]:
        return [f"{each}/{name}" for each in folders for name in self._listed(each).get(base, ())]

    def _folders(self, account: str) -> Iterator[str]:
        for name in _NAMES:
            yield f"{account}/{name}"
        for names in self._listed(account).values():
            for folder in names:
                if folder.startswith("."):
                    for name in _NAMES:
                        yield f"{account}/{folder}/{name}"
        for names in self._listed(f"{account}/{EXPUNGED}").values():
            for folder in names:
                yield f"{account}/{EXPUNGED}/{folder}"

    def _listed(self, folder: str) -> dict[str, list[str]]:
        if folder not in self._names:
            found: dict[str, list[str]] = {}
            with suppress(FileNotFoundError, NotADirectoryError):
                for name in self._system.list_names(folder):
                    found.setdefault(base_name(name), []).append(name)
            self._names[folder] = found
        return self._names[folder]

    def made(self, path: str) -> None:
        """A file was made."""
        folder, name = os.path.split(path)
        if folder in self._names:
            names = self._names[folder].setdefault(base_name(name), [])
            if name not in names:
                names.append(name)

    def removed(self, path: str) -> None:
        """A file was removed."""
        folder, name = os.path.split(path)
        names = self._names.get(folder, {}).get(base_name(name), [])
        if name in names:
            names.remove(name)
