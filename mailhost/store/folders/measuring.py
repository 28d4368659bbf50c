"""Finds out the sizes and dates of messages that neither the cache nor the names of files tell.

A folder that another program has filled is shown before these are known: counting the octets of a
file takes reading it, and looking up the dates of 100,000 files takes as long as all else that the
first reading of their folder does. They are found out when they are asked for, and kept.
"""

from __future__ import annotations

from collections.abc import Sequence

from mailhost.interfaces.folders import UNKNOWN_DATE, UNKNOWN_SIZE, FolderView
from mailhost.store.cache.pages import Page, write_page
from mailhost.store.folders.account_work import AccountWork, KnownFolder
from mailhost.store.folders.file_names import message_files
from mailhost.store.folders.refresh import refreshed, refreshed_locked
from mailhost.store.maildir.scan import wire_size


def view(work: AccountWork, folder: str, sizes: bool, dates: bool) -> FolderView:
    """See IFolder.view. Raises as `refreshed`."""
    known = refreshed(work, folder)
    if sizes:
        known = _sized(work, known)
    if dates:
        known = _dated(work, known)
    return known.view


def sized(work: AccountWork, folder: str) -> KnownFolder:
    """Return a folder in which the sizes of all messages are known. Raises as `refreshed`."""
    return _sized(work, refreshed(work, folder))


def dated(work: AccountWork, folder: str) -> KnownFolder:
    """Return a folder in which the dates of all messages are known. Raises as `refreshed`."""
    return _dated(work, refreshed(work, folder))


def _sized(work: AccountWork, known: KnownFolder) -> KnownFolder:
    if not any(_unsized(work, known.row.id, page) for page in known.pages.values()):
        return known
    with work.transaction():
        known = refreshed_locked(work, known.row.path)
        row, pages = known.row, dict(known.pages)
        for page in known.pages.values():
            unknown = _unsized(work, row.id, page)
            files = message_files(work, known, unknown)
            sizes = {uid: _size(path) for uid, (path, _) in files.items()}
            work.no_size.update((row.id, uid) for uid in sizes if sizes[uid] == UNKNOWN_SIZE)
            if sizes:
                _replace(work, row.id, pages, page.with_sizes(sizes))
        return work.written(KnownFolder(row, pages))


def _unsized(work: AccountWork, folder: int, page: Page) -> list[int]:
    """Return the UIDs of the messages whose octets are to be counted."""
    return [
        uid for uid in _unknown(page, page.sizes, UNKNOWN_SIZE) if (folder, uid) not in work.no_size
    ]


def _size(path: str) -> int:
    try:
        return wire_size(path)
    except OSError:  # it is gone, or an error is raised when the message is opened
        return UNKNOWN_SIZE


def _dated(work: AccountWork, known: KnownFolder) -> KnownFolder:
    if not any(UNKNOWN_DATE in page.dates for page in known.pages.values()):
        return known
    with work.transaction():
        known = refreshed_locked(work, known.row.path)
        row, pages, now = known.row, dict(known.pages), int(work.disk.now())
        for page in known.pages.values():
            unknown = _unknown(page, page.dates, UNKNOWN_DATE)
            dates = dict.fromkeys(unknown, now)  # of one that is gone just now
            for uid, (_, status) in message_files(work, known, unknown).items():
                dates[uid] = int(status.st_mtime)
            if dates:
                _replace(work, row.id, pages, page.with_dates(dates))
        return work.written(KnownFolder(row, pages))


def _unknown(page: Page, values: Sequence[int], unknown: int) -> list[int]:
    """Return the UIDs of the messages whose value is unknown."""
    if unknown not in values:
        return []
    return [uid for uid, value in zip(page.uids, values, strict=True) if value == unknown]


def _replace(work: AccountWork, folder: int, pages: dict[int, Page], page: Page) -> None:
    pages[page.first_uid] = page
    write_page(work.cache, folder, page)
