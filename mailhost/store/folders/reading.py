"""Reads what a folder's view does not tell: contents of messages, their details, what vanished."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from mailhost.interfaces.folders import Details, SummaryField, Vanished
from mailhost.message.content import Content
from mailhost.message.crlf import with_crlf
from mailhost.message.imap.object_ids import object_id
from mailhost.message.imap.reader import reader_of
from mailhost.message.imap.summary import Summary
from mailhost.message.imap.summary import summary as summary_of
from mailhost.store.cache.by_uid import Kind, read_texts
from mailhost.store.cache.contents import fields_of, read_summaries, write_summaries
from mailhost.store.cache.vanished import vanished_since
from mailhost.store.folders.account_work import AccountWork, KnownFolder
from mailhost.store.folders.file_names import NamedMessage, locate, message_paths, named
from mailhost.store.folders.measuring import sized
from mailhost.store.folders.opening import opened, read_small
from mailhost.store.folders.reading_files import size_in_name
from mailhost.store.folders.refresh import refreshed
from mailhost.store.folders.uids import guid_of
from mailhost.store.maildir.scan import as_sent

SMALL = 1 << 16  # octets of a message that is read at once


def contents(work: AccountWork, folder: str, uids: Sequence[int]) -> dict[int, Content]:
    """Return messages with CRLF line ends by UID, those that are gone left out. Small ones are in
    memory. Raises OSError, sqlite3.Error."""
    known = work.read(folder) or refreshed(work, folder)
    temporary = os.path.join(work.path_of(folder), "tmp")
    cur = os.path.join(work.path_of(folder), "cur")
    found: dict[int, Content] = {}

    def take(message: NamedMessage, name: str) -> None:
        octets = read_small(name, SMALL, directory, message.size)
        if octets is None:
            found[message.uid] = as_sent(opened(os.path.join(cur, name)), name, temporary)
        else:
            as_it_is = message.size == len(octets)
            found[message.uid] = Content((octets if as_it_is else with_crlf(octets),))

    directory = os.open(cur, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        locate(cur, named(work, known, uids), take)
    finally:
        os.close(directory)
    return found


def details(work: AccountWork, folder: str, uids: Sequence[int]) -> dict[int, Details]:
    """See IFolder.details. Raises OSError, sqlite3.Error."""
    known = work.read(folder) or refreshed(work, folder)
    listed = read_texts(work.cache, known.row.id, Kind.LISTED, uids)
    return {
        message.uid: Details(
            object_id("M", guid_of(listed.get(message.uid, "")) or message.base), message.saved
        )
        for message in named(work, known, uids)
    }


def vanished(work: AccountWork, folder: str, since: int) -> Vanished:
    """See IFolder.vanished. Raises OSError, sqlite3.Error."""
    known = work.read(folder) or refreshed(work, folder)
    ranges = vanished_since(work.cache, known.row.id, since)
    return Vanished(ranges, complete=since >= known.row.horizon)


def octets(work: AccountWork, folder: str, uids: Sequence[int]) -> int:
    """Return the octets of messages on the wire. Raises OSError, sqlite3.Error."""
    view = sized(work, folder).view
    return sum(view.sizes[index] for index in map(view.index_of, uids) if index is not None)


def summaries(
    work: AccountWork, folder: str, uids: Sequence[int], fields: Sequence[SummaryField]
) -> dict[int, Sequence[Any]]:
    """See IFolder.summaries. Raises OSError, sqlite3.Error."""
    if not uids:
        return {}
    known = work.read(folder) or refreshed(work, folder)
    found = read_summaries(work.cache, known.row.id, uids, fields)
    missing = [uid for uid in uids if uid not in found]
    if not missing:
        return found
    made = list(_made(work, known, missing))
    with work.transaction() as cache:
        write_summaries(cache, known.row.id, made)
    found.update((uid, fields_of(summary, fields)) for uid, summary in made)
    return found


def _made(
    work: AccountWork, known: KnownFolder, uids: Sequence[int]
) -> Iterator[tuple[int, Summary]]:
    """Yield the summaries of messages; those that are gone are left out."""
    for uid, path in message_paths(work, known, uids).items():
        with suppress(FileNotFoundError):
            yield uid, summary_of(reader_of(opened(path), _known_size(path)))


def _known_size(path: str) -> int | None:
    return size_in_name(os.path.basename(path)) or None
