"""Which files of a Maildir are messages, and which were left behind. Everything blocks.

Other programs move messages from new/ to cur/, change their flags and delete them at any time. When
a name changes while a folder is read, readdir(3) may return neither the old one nor the new; so a
folder that changed meanwhile is read again.
"""

from __future__ import annotations

import os
from collections.abc import Container, Iterator
from contextlib import suppress
from dataclasses import dataclass

from mailhost.store.maildir.filename import MessageName, parse_name
from mailhost.store.maildir.pop3_uidls import Uidls, read_uidls

PLACES = ("new", "cur")
MOST_READINGS = 5  # times that a folder is read while it changes all the time
STALE = 36 * 3600.0  # seconds that a file may stay in tmp/, by the Maildir specification


@dataclass(frozen=True, slots=True)
class MessageFile:
    """Where a message lies now. `size` is that of the file, in octets."""

    unique: str
    path: str
    size: int


def message_files(path: str) -> Iterator[tuple[os.DirEntry[str], MessageName]]:
    """Yield the messages of a Maildir with their names taken apart. A symbolic link is
    none: it may lead to a file of others. No Maildir yet has none.

    One that moves meanwhile comes once or more, and may be gone from where it was seen: the last
    place is the best. Raises OSError.
    """
    for place in PLACES:
        for entry in _entries(os.path.join(path, place)):
            name = parse_name(entry.name)
            if name is not None and entry.is_file(follow_symlinks=False):
                yield entry, name


def _entries(folder: str) -> list[os.DirEntry[str]]:
    """Return all that is in a folder, and maybe what just was. No folder has nothing in it."""
    found: dict[str, os.DirEntry[str]] = {}
    with suppress(FileNotFoundError):
        for _ in range(MOST_READINGS):
            before = os.stat(folder).st_mtime_ns
            with os.scandir(folder) as entries:
                again = {entry.name: entry for entry in entries}
            found = {name: entry for name, entry in found.items() if name not in again} | again
            if os.stat(folder).st_mtime_ns == before:
                break
    return list(found.values())


def located(path: str, uniques: Container[str], uidls: Uidls | None = None) -> list[MessageFile]:
    """Return the files of the messages with these unique-ids, as `uidls` has them or the Maildir.
    One message may have two, or none. Raises OSError."""
    if uidls is None:
        uidls = read_uidls(path)
    files = []
    for entry, name in message_files(path):
        unique = uidls.of(entry.name, name)
        if unique in uniques:
            files.append(MessageFile(unique, entry.path, _size_or_nothing(entry, name)))
    return files


def _size_or_nothing(entry: os.DirEntry[str], name: MessageName) -> int:
    try:
        return file_size(entry, name)
    except OSError:  # it went away just now, or moved
        return 0


def file_size(entry: os.DirEntry[str], name: MessageName) -> int:
    """Return a file's octets, from its name where that has them. Raises OSError."""
    return entry.stat().st_size if name.size is None else name.size


def stale_files(path: str, now: float) -> list[str]:
    """Return the files in tmp/ whose writers must have died long ago, as far as can be told."""
    stale: list[str] = []
    with suppress(OSError), os.scandir(os.path.join(path, "tmp")) as entries:  # tidying can wait
        for entry in entries:
            with suppress(FileNotFoundError):
                if entry.is_file() and now - entry.stat().st_mtime > STALE:
                    stale.append(entry.path)
    return stale
