"""Compares what an account's cache, the UID lists and the message files say, and empties the cache.

A folder is read first as a session reads it, so that new mail and changed flags are no difference.
Any other difference is a fault: of the cache (`rebuild` mends it), of the UID list, or of a file.
Everything blocks, and raises OSError and sqlite3.Error.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mailhost.store.cache.folder_row import remove_all_folders
from mailhost.store.folders.account_work import AccountWork, KnownFolder
from mailhost.store.folders.file_flags import split_name
from mailhost.store.folders.file_names import all_infos, all_names
from mailhost.store.folders.refresh import refreshed, refreshed_locked
from mailhost.store.folders.tree import directories
from mailhost.store.maildir.entries import Entries, list_entries
from mailhost.store.maildir.filename import parse_name
from mailhost.store.maildir.folder_names import find_folders
from mailhost.store.maildir.uid_list import UidList
from mailhost.store.maildir.uid_list_file import UidListFile

MOST_SHOWN = 20  # findings of one kind in one folder


class FaultPlace(StrEnum):
    """Where a fault lies."""

    CACHE = "cache"
    UID_LIST = "UID list"
    FILE = "file"
    FOLDER = "folder"


@dataclass(frozen=True, slots=True)
class FileNames:
    """The names of files that the cache has, by UID: base names, and what follows them."""

    bases: dict[int, str]
    infos: dict[int, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """`folder` is a name, empty for the account; `text` says what differs from what."""

    folder: str
    place: FaultPlace
    text: str


def check(work: AccountWork) -> list[Difference]:
    """Return all differences in an account."""
    paths = directories(work)
    found = []
    row = work.cache.execute("PRAGMA quick_check").fetchone()
    if work.in_memory:
        found.append(Difference("", FaultPlace.CACHE, work.fault))
    if row[0] != "ok":
        found.append(Difference("", FaultPlace.CACHE, f"it is damaged: {row[0]}"))
    for directory in find_folders(work.root).left_out:
        text = f"{directory} has no name that a client can say, or one that another folder has"
        found.append(Difference("", FaultPlace.FOLDER, text))
    for name, path in paths.items():
        found += check_folder(work, name, path)
    return found


def check_folder(work: AccountWork, name: str, path: str) -> list[Difference]:
    """Return the differences in one folder; `path` is that of its Maildir below the account's."""
    found = UidListFile(work.path_of(path), work.disk.system, work.disk.dotlocks).read()
    refreshed(work, path)
    with work.transaction():
        known = refreshed_locked(work, path)
        names = FileNames(all_names(work, known), all_infos(work, known))
        part = UidListFile(work.path_of(path), work.disk.system, work.disk.dotlocks).read()
        entries = list_entries(work.path_of(path), set(names.bases.values()))
    if part is None:
        differences = iter([(FaultPlace.UID_LIST, "it is missing or cannot be read")])
    else:
        differences = _compared(known, names, part.uid_list, entries)
    shown: dict[FaultPlace, list[str]] = {}
    if found is not None and found.uid_list.damaged:  # reading the folder writes the list anew
        shown[FaultPlace.UID_LIST] = ["it had lines that cannot be read"]
    for place, text in (*differences, *_sizes(work.path_of(path), entries)):
        shown.setdefault(place, []).append(text)
    return [
        Difference(name, place, text) for place, texts in shown.items() for text in _bounded(texts)
    ]


def _bounded(texts: Sequence[str]) -> Sequence[str]:
    more = len(texts) - MOST_SHOWN
    return texts if more <= 0 else [*texts[:MOST_SHOWN], f"and {more} more"]


def _compared(
    known: KnownFolder, names: FileNames, uid_list: UidList, entries: Entries
) -> Iterator[tuple[FaultPlace, str]]:
    row, bases = known.row, names.bases
    if row.uid_validity != uid_list.header.uid_validity:
        text = f"UIDVALIDITY is {row.uid_validity}, in the UID list {uid_list.header.uid_validity}"
        yield FaultPlace.CACHE, text
    if row.uid_next < uid_list.next_uid:
        yield FaultPlace.CACHE, f"UIDNEXT is {row.uid_next}, in the UID list {uid_list.next_uid}"
    for uid, base in bases.items():
        listed = uid_list.uids.get(base)
        if listed is None:
            yield FaultPlace.UID_LIST, f"the message {base} is missing; its UID is {uid}"
        elif listed != uid:
            yield FaultPlace.CACHE, f"{base} has UID {uid}, in the UID list {listed}"
        file = entries.files.get(base)
        if file is None:
            yield FaultPlace.CACHE, f"UID {uid} has no file {base}"
        elif split_name(file)[1] != names.infos[uid]:
            yield FaultPlace.CACHE, f"UID {uid} has the flags {names.infos[uid]}, not {file}"
    for base in entries.files.keys() - set(bases.values()):
        yield FaultPlace.CACHE, f"{entries.files[base]} is no message of it"
    for file in entries.doubled:
        yield FaultPlace.FILE, f"{file} has the name of another message; give it a new one"


def _sizes(folder: str, entries: Entries) -> Iterator[tuple[FaultPlace, str]]:
    """Yield the files whose size is not the one in their name."""
    for file in entries.files.values():
        name = parse_name(os.path.basename(file))
        if name is None or name.size is None:
            continue
        try:
            size = os.stat(os.path.join(folder, file)).st_size
        except FileNotFoundError:
            continue
        if size != name.size:
            yield FaultPlace.FILE, f"{file} has {size} octets"


def rebuild(work: AccountWork) -> int:
    """Make the cache anew from the files, and return the number of messages.

    Its rows are removed and the file stays, as other processes may have it open; MODSEQs go on
    rising. A file that is damaged is removed. Raises sqlite3.OperationalError where the disk takes
    no cache, or another process has the account for too long.
    """
    try:
        with work.transaction() as cache:
            if work.in_memory:
                raise sqlite3.OperationalError(work.fault)
            remove_all_folders(cache)
    except sqlite3.OperationalError:
        raise  # locked for too long, or no room
    except sqlite3.DatabaseError:
        work.rebuild()
    return sum(refreshed(work, path).row.messages for path in directories(work).values())
