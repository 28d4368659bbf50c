"""Reads what a folder's view does not tell: contents of messages, their details, what vanished."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from mailhost.interfaces.folders import Details, SummaryField, Vanished
from mailhost.message.content import Content, content_of_file
from mailhost.message.imap.reader import reader_of
from mailhost.message.imap.summary import Summary
from mailhost.message.imap.summary import summary as summary_of
from mailhost.store.cache.contents import fields_of, read_summaries, write_summaries
from mailhost.store.cache.messages import rows_of, vanished_since
from mailhost.store.cache.pages import UNKNOWN_SIZE, by_page, write_page
from mailhost.store.folders.account_work import AccountWork, KnownFolder
from mailhost.store.folders.refresh import refreshed, refreshed_locked, size_in_name
from mailhost.store.folders.removal import ATTEMPTS, message_paths
from mailhost.store.maildir.scan import as_sent, wire_size

T = TypeVar("T")

SMALL = 1 << 16  # octets of a message that is read at once


def sized(work: AccountWork, folder: str) -> KnownFolder:
    """Return a folder in which the sizes of all messages are known. Raises as `refreshed`."""
    known = refreshed(work, folder)
    if not any(UNKNOWN_SIZE in page.sizes for page in known.pages.values()):
        return known
    with work.transaction():
        known = refreshed_locked(work, folder)
        pages = dict(known.pages)
        unknown = [
            uid
            for page in pages.values()
            for uid, size in zip(page.uids, page.sizes, strict=True)
            if size == UNKNOWN_SIZE
        ]
        sizes = {uid: _size(path) for uid, path in message_paths(work, known, unknown).items()}
        for page, uids in by_page(pages, sorted(sizes)):
            page = page.with_sizes({uid: sizes[uid] for uid in uids})
            pages[page.first_uid] = page
            write_page(work.cache, known.row.id, page)
        return work.written(KnownFolder(known.row, pages))


def _size(path: str) -> int:
    try:
        return wire_size(path)
    except FileNotFoundError:
        return UNKNOWN_SIZE


def contents(work: AccountWork, folder: str, uids: Sequence[int]) -> dict[int, Content]:
    """Return messages with CRLF line ends by UID, those that are gone left out. Small ones are in
    memory. Raises OSError, sqlite3.Error."""
    known = work.read(folder) or refreshed(work, folder)
    temporary = os.path.join(work.path_of(folder), "tmp")

    def read(path: str) -> Content:
        content = as_sent(content_of_file(path), os.path.basename(path), temporary)
        return Content((content.read(),)) if content.size <= SMALL else content

    return dict(_read(work, known, uids, read))


def _read(
    work: AccountWork, known: KnownFolder, uids: Sequence[int], read: Callable[[str], T]
) -> Iterator[tuple[int, T]]:
    """Yield what `read` returns for the file of each message. One that another program renames
    meanwhile is looked for again, also where a listing of the folder has left it out; those that
    are gone are left out."""
    left = list(uids)
    for _ in range(ATTEMPTS):
        missing = set(left)
        for uid, path in message_paths(work, known, left).items():
            with suppress(FileNotFoundError):
                yield uid, read(path)
                missing.discard(uid)
        left = [uid for uid in left if uid in missing and known.view.index_of(uid) is not None]
        if not left:
            break


def details(work: AccountWork, folder: str, uids: Sequence[int]) -> dict[int, Details]:
    """See IFolder.details. Raises OSError, sqlite3.Error."""
    known = work.read(folder) or refreshed(work, folder)
    rows = rows_of(work.cache, known.row.id, uids)
    return {uid: Details(row.guid or row.base, "", row.saved) for uid, row in rows.items()}


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
    # locked, or the disk is full: made again next time
    with suppress(sqlite3.OperationalError), work.transaction() as cache:
        write_summaries(cache, known.row.id, made)
    found.update((uid, fields_of(summary, fields)) for uid, summary in made)
    return found


def _made(
    work: AccountWork, known: KnownFolder, uids: Sequence[int]
) -> Iterator[tuple[int, Summary]]:
    """Yield the summaries of messages; those that are gone are left out."""
    yield from _read(
        work,
        known,
        uids,
        lambda path: summary_of(reader_of(content_of_file(path), _known_size(path))),
    )


def _known_size(path: str) -> int | None:
    return size_in_name(os.path.basename(path)) or None
