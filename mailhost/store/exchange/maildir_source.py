"""A Maildir to import from: its folders with their messages, UIDs, keywords and subscriptions.

Maildir++ (`.Sent.2024`) and Dovecot's layout of directories in directories (`Sent/2024`) are read,
and the records of Dovecot and Courier. Symbolic links are not followed. Raises OSError.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from mailhost.message.content import Content, FileSlice, OpenFile
from mailhost.store.maildir import keywords, subscriptions, uid_list
from mailhost.store.maildir.entries import list_entries
from mailhost.store.maildir.flags import base_of
from mailhost.store.maildir.folder_names import INBOX, find_folders, name_of
from mailhost.store.maildir.keywords import Keywords
from mailhost.store.maildir.uid_list import UidList
from mailhost.store.maildir.whole_file import read_file

_UID_LISTS = ("dovecot-uidlist", "courierimapuiddb")
_SUBSCRIPTIONS = ("subscriptions", "courierimapsubscribed")
_PLACES = ("cur", "new", "tmp")


@dataclass(frozen=True, slots=True)
class SourceFolder:
    """`files` has the file of each message by its base name, as `cur/NAME` or `new/NAME`.
    `uid_list` is None where the folder has none."""

    name: str
    path: str
    files: dict[str, str]
    uid_list: UidList | None
    keywords: Keywords


def is_maildir(path: str) -> bool:
    """True for a directory that has cur/ or new/."""
    return any(os.path.isdir(os.path.join(path, name)) for name in ("cur", "new"))


def source_folders(path: str) -> list[SourceFolder]:
    """Return the folders of the Maildir at that path, INBOX first."""
    found = {INBOX: path}
    for name, directory in find_folders(path).directories.items():
        if is_maildir(os.path.join(path, directory)):
            found.setdefault(name, os.path.join(path, directory))
    for directory in _nested(path, ""):
        nested = name_of("." + directory.replace("/", "."))
        if nested is not None:
            found.setdefault(nested, os.path.join(path, directory))
    return [_folder(name, where) for name, where in found.items()]


def _nested(path: str, below: str) -> Iterator[str]:
    """Yield the Maildirs in directories that have no dot in front, as paths below `path`."""
    with os.scandir(os.path.join(path, below)) as entries:
        names = sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    for name in names:
        if name in _PLACES or name.startswith((".", "mailhost-")) or "." in name:
            continue
        directory = os.path.join(below, name)
        if is_maildir(os.path.join(path, directory)):
            yield directory
        yield from _nested(path, directory)


def _folder(name: str, path: str) -> SourceFolder:
    files = list_entries(path).files
    uids = next(filter(None, (_uid_list(path, each) for each in _UID_LISTS)), None)
    names = keywords.parse(read_file(os.path.join(path, keywords.NAME)) or b"")
    return SourceFolder(name, path, files, uids, names)


def _uid_list(path: str, name: str) -> UidList | None:
    octets = read_file(os.path.join(path, name))
    return None if octets is None else uid_list.parse(octets)


def source_subscriptions(path: str) -> list[str]:
    """Return the names of the folders that are subscribed to; Courier's begin with `INBOX.`."""
    for name in _SUBSCRIPTIONS:
        octets = read_file(os.path.join(path, name))
        if octets is not None:
            names = subscriptions.parse(octets).names()
            courier = name != subscriptions.NAME
            return [each.removeprefix("INBOX/") if courier else each for each in names]
    return []


def open_message(folder: SourceFolder, base: str) -> tuple[str, Content, int]:
    """Return a message's file name, its octets and its date in seconds since 1970; it may have been
    renamed since it was listed. Raises FileNotFoundError where it is gone."""
    with suppress(FileNotFoundError):
        return _opened(folder.path, folder.files[base])
    for place in ("cur", "new"):
        for name in os.listdir(os.path.join(folder.path, place)):
            if base_of(name) == base:
                return _opened(folder.path, f"{place}/{name}")
    raise FileNotFoundError(folder.files[base])


def _opened(path: str, file: str) -> tuple[str, Content, int]:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    opened = OpenFile(os.open(os.path.join(path, file), flags))
    found = os.fstat(opened.fd)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(f"{os.path.join(path, file)} is no file")
    content = Content((FileSlice(opened, 0, found.st_size),))
    return os.path.basename(file), content, int(found.st_mtime)
