"""`mailhost-imported` in an account's Maildir: which messages were imported.

A second import leaves them out, also where their owner has moved or removed them since.

A message is known by a key of 24 hexadecimal digits, one a line. The key is in the name of its file
too: where an import dies between the message and the line, the next one finds the file.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable

from mailhost.durable.system import OperatingSystem
from mailhost.store.maildir.whole_file import read_file

NAME = "mailhost-imported"
_KEY = re.compile(rb"[0-9a-f]{24}")
_IN_NAME = re.compile(r"\.I([0-9a-f]{24})\.")


def key_of(*parts: bytes) -> str:
    """Return the key of the message that these octets tell from all others."""
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:24]


def unique_name(key: str, date: int, hostname: str) -> str:
    """Return the unique part of the name of an imported file."""
    return f"{max(date, 0)}.I{key}.{hostname}"


def keys_in(names: Iterable[str]) -> set[str]:
    """Return the keys in the names of files."""
    return {match[1] for match in map(_IN_NAME.search, names) if match}


class ImportJournal:
    """The file of the account at that path. Raises OSError."""

    def __init__(self, account: str, system: OperatingSystem) -> None:
        self._path = os.path.join(account, NAME)
        self._system = system
        lines = (read_file(self._path) or b"").split(b"\n")
        self._ragged = bool(lines[-1])
        self._keys = {line.decode() for line in lines if _KEY.fullmatch(line)}

    def __contains__(self, key: str) -> bool:
        return key in self._keys

    def add(self, keys: Iterable[str]) -> None:
        """Remember keys, durably."""
        new = [key for key in dict.fromkeys(keys) if key not in self._keys]
        if not new:
            return
        try:
            fd = self._system.open_to_append(self._path)
        except FileNotFoundError:
            fd = self._system.create(self._path)
            self._system.sync_folder(os.path.dirname(self._path))
        try:
            text = ("\n" if self._ragged else "") + "".join(f"{key}\n" for key in new)
            self._system.write(fd, [text.encode()])
            self._system.sync(fd)
        finally:
            self._system.close(fd)
        self._ragged = False
        self._keys.update(new)
