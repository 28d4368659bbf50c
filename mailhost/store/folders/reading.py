"""Reads what a folder's view does not tell: contents of messages, their details, what vanished."""

from __future__ import annotations

import os
from collections.abc import Sequence

from mailhost.interfaces.folders import Details, Vanished
from mailhost.message.content import Content, content_of_file
from mailhost.store.cache.messages import rows_of, vanished_since
from mailhost.store.cache.pages import UNKNOWN_SIZE, by_page, write_page
from mailhost.store.folders.account_work import AccountWork, KnownFolder
from mailhost.store.folders.refresh import refreshed, refreshed_locked
from mailhost.store.folders.removal import message_paths
from mailhost.store.maildir.scan import as_sent, wire_size

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
    found: dict[int, Content] = {}
    paths = message_paths(work, known, uids)
    temporary = os.path.join(work.path_of(folder), "tmp")
    for uid, path in paths.items():
        try:
            content = as_sent(content_of_file(path), os.path.basename(path), temporary)
        except FileNotFoundError:
            continue
        found[uid] = Content((content.read(),)) if content.size <= SMALL else content
    return found


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
