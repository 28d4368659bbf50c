"""Expunged messages that are still kept: listed, and added to a folder again.

A message that is brought back is a new message: it has another UID, its own flags without
\\Deleted, and the date that it had. Everything blocks, and raises OSError and sqlite3.Error.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from mailhost.interfaces.changes import RemovedFile
from mailhost.interfaces.folders import NewMessage, StoreRefusal
from mailhost.message.flags import DELETED, flag_names
from mailhost.message.header import first_value
from mailhost.message.mime.encoded_words import decode_words
from mailhost.store.folders import tree
from mailhost.store.folders.account_work import AccountWork
from mailhost.store.folders.adding import add
from mailhost.store.folders.file_flags import flags_of, split_name
from mailhost.store.maildir.expunged import Removal, removals
from mailhost.store.maildir.folder_names import INBOX, name_of
from mailhost.store.maildir.keywords import KeywordsFile
from mailhost.store.maildir.message_file import content_of_message
from mailhost.store.maildir.scan import as_sent

AT_ONCE = 50  # messages that are added at once
_HEAD = 1 << 16  # octets of a message that are read to find its subject
_HEADER_END = re.compile(rb"\n\r?\n")


@dataclass(frozen=True, slots=True)
class Expunged:
    """A message that is kept. `removed` is the time of its removal in seconds since 1970, `folder`
    the name of the folder that it was in."""

    path: str
    folder: str
    removed: int
    size: int
    sender: str
    subject: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Chooses expunged messages. Times are seconds since 1970; `subject` is a part of the subject,
    in any case. An empty `folder` is any."""

    folder: str = ""
    after: float = 0.0
    before: float = float("inf")
    subject: str = ""


def kept(work: AccountWork, wanted: Wanted) -> Iterator[Expunged]:
    """Yield the messages that are kept, those that were removed first before the others."""
    for removal in removals(work.root):
        folder = (name_of(removal.folder) or removal.folder) if removal.folder else INBOX
        meant = not wanted.folder or folder == wanted.folder
        if not meant or not wanted.after <= removal.seconds <= wanted.before:
            continue
        for name in sorted(os.listdir(removal.path)):
            with suppress(FileNotFoundError):
                found = _described(os.path.join(removal.path, name), folder, removal)
                if wanted.subject.lower() in found.subject.lower():
                    yield found


def _described(path: str, folder: str, removal: Removal) -> Expunged:
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        head = file.read(_HEAD)
    end = _HEADER_END.search(head)
    header = head[: end.start() + 1] if end else head
    sender, subject = (decode_words(first_value(header, name)) for name in ("From", "Subject"))
    return Expunged(path, folder, removal.seconds, size, sender, subject)


def restore(
    work: AccountWork, messages: Sequence[Expunged], into: str = ""
) -> StoreRefusal | dict[str, int]:
    """Add messages to the folder `into`, or each to the one that it was in, made where it is
    missing. Returns how many each folder got."""
    by_folder: dict[str, list[Expunged]] = {}
    for message in messages:
        by_folder.setdefault(into or message.folder, []).append(message)
    counts: dict[str, int] = {}
    for folder, some in by_folder.items():
        place = tree.found_or_made(work, folder)
        if isinstance(place, StoreRefusal):
            return place
        for start in range(0, len(some), AT_ONCE):
            counts[folder] = counts.get(folder, 0) + _add(
                work, place.path, some[start : start + AT_ONCE]
            )
    return counts


def _add(work: AccountWork, path: str, messages: Sequence[Expunged]) -> int:
    new, paths = [], []
    for message in messages:
        with suppress(FileNotFoundError):  # another process was first
            new.append(_new_message(work, message))
            paths.append(message.path)
    if new:
        add(work, path, new)
        work.disk.commit([RemovedFile(each) for each in paths])
    for folder in {os.path.dirname(each) for each in paths}:
        with suppress(OSError):
            os.rmdir(folder)  # the last one
    return len(new)


def _new_message(work: AccountWork, message: Expunged) -> NewMessage:
    name = os.path.basename(message.path)
    date = int(os.lstat(message.path).st_mtime)
    content = as_sent(content_of_message(message.path), name, os.path.join(work.root, "tmp"))
    flags = flags_of(split_name(name)[1]) & ~DELETED
    place = tree.found(work, message.folder)
    keywords: Sequence[str] = ()
    if isinstance(place, tree.Place):
        keywords = KeywordsFile(work.path_of(place.path), work.disk.system).read().shown
    return NewMessage(content, tuple(flag_names(flags, keywords)), date)
