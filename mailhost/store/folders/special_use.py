"""Which folder has which special use (RFC 6154): by the client that made it, else by its name."""

from __future__ import annotations

import os
from collections.abc import Iterable

from mailhost.store.folders.account_work import AccountWork
from mailhost.store.maildir.folder_names import usual_uses
from mailhost.store.maildir.whole_file import read_file, replace_file

FILE = "mailhost-special-use"
STANDARD = {
    "\\Sent": "Sent",
    "\\Drafts": "Drafts",
    "\\Junk": "Junk",
    "\\Trash": "Trash",
    "\\Archive": "Archive",
}


class SpecialUses:
    """Those of one account. Everything blocks and raises OSError."""

    def __init__(self, work: AccountWork) -> None:
        self._work = work
        self._path = os.path.join(work.root, FILE)

    def of(self, names: Iterable[str]) -> dict[str, str]:
        """Return the special uses of folders by name."""
        names = list(names)
        given = {name: use for use, name in self._given().items() if name in names}
        taken = set(given.values())
        usual = {name: use for name, use in usual_uses(names).items() if use not in taken}
        return usual | given

    def missing(self, names: Iterable[str]) -> list[str]:
        """Return the names of the folders to be made, so that each use has one."""
        uses = set(self.of(names).values())
        return [name for use, name in STANDARD.items() if use not in uses]

    def give(self, use: str, name: str) -> None:
        """Give a use to a folder; the folder that had it has it no more."""
        self._write(self._given() | {use: name})

    def take(self, name: str) -> None:
        """A folder was removed."""
        given = self._given()
        if name in given.values():
            self._write({use: other for use, other in given.items() if other != name})

    def rename(self, old: str, new: str) -> None:
        """A folder was renamed, with those below it."""
        given = self._given()
        renamed = {
            use: new + name[len(old) :] if name == old or name.startswith(f"{old}/") else name
            for use, name in given.items()
        }
        if renamed != given:
            self._write(renamed)

    def _given(self) -> dict[str, str]:
        text = (read_file(self._path) or b"").decode("utf-8", "surrogateescape")
        pairs = (line.partition(" ") for line in text.split("\n") if line)
        return {use: name for use, _, name in pairs}

    def _write(self, given: dict[str, str]) -> None:
        text = "".join(f"{use} {name}\n" for use, name in given.items())
        octets = text.encode("utf-8", "surrogateescape")
        temporary = f"{self._path}.{os.getpid()}.tmp"
        replace_file(self._work.disk.system, self._path, temporary, octets)
