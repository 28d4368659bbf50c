"""Brings the cache of a folder up to date with its Maildir: new files get UIDs, changed names are
changed flags, and files that are gone have vanished.

The files are not read while new/, cur/ and the UID list have the mtimes of the last reading. A
change by another program within the same tick of the file system's clock leaves the mtime as it
was, so a folder whose mtime was recent is read once more later (`mtimes`); new/, which is nearly
always empty, is read each time then.

Everything blocks, and runs within the account's transaction.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from mailhost.store.cache.by_uid import Kind, read_texts
from mailhost.store.cache.folder_row import FolderRow, remove_folder
from mailhost.store.folders.account_work import AccountWork, KnownFolder
from mailhost.store.folders.file_names import all_names
from mailhost.store.folders.mtimes import complete, dirty_until, mtimes_of
from mailhost.store.folders.patience import is_locked
from mailhost.store.folders.reading_files import Reading
from mailhost.store.folders.uids import Backup, UidSource, cannot_write
from mailhost.store.maildir.pop3_uidls import settle_adoption
from mailhost.store.maildir.uid_list import Header, UidList
from mailhost.store.maildir.uid_list_file import NAME

_GUID = re.compile(r"[0-9a-f]{32}")


def refreshed(work: AccountWork, folder: str) -> KnownFolder:
    """Return a folder up to date with its files; takes the account's lock only where something has
    changed. Raises OSError (FileNotFoundError where there is no such folder), sqlite3.Error."""
    mtimes, known, now = mtimes_of(work.path_of(folder)), work.read(folder), work.disk.now()
    if (
        known is not None
        and mtimes.cur_as(known.row, now)
        and (mtimes.new_as(known.row, now) or _new_is_empty(work, folder))
    ):
        return known
    with work.transaction():
        return refreshed_locked(work, folder)


def refreshed_locked(work: AccountWork, folder: str) -> KnownFolder:
    """As `refreshed`, within the transaction of the caller."""
    mtimes, known, now = mtimes_of(work.path_of(folder)), work.read(folder), work.disk.now()
    if known is not None and mtimes.cur_as(known.row, now) and mtimes.new_as(known.row, now):
        return known
    with _uid_source(work, folder, known, to_read=True) as source:
        return _up_to_date(work, folder, known, source)


def _new_is_empty(work: AccountWork, folder: str) -> bool:
    return not os.listdir(os.path.join(work.path_of(folder), "new"))


@contextmanager
def locked(work: AccountWork, folder: str) -> Iterator[tuple[KnownFolder, UidSource]]:
    """Have a folder up to date and its UID list locked, so that no other program gives UIDs until
    the block ends; within the transaction of the caller. Raises as `refreshed`."""
    complete(work.path_of(folder))
    known = work.read(folder)
    with _uid_source(work, folder, known) as source:
        yield _up_to_date(work, folder, known, source), source


def _up_to_date(
    work: AccountWork, folder: str, known: KnownFolder | None, source: UidSource
) -> KnownFolder:
    mtimes, now = mtimes_of(work.path_of(folder)), work.disk.now()
    if known is not None and source.part.uid_list.header.uid_validity != known.row.uid_validity:
        remove_folder(work.cache, known.row.id)  # the UIDs that it has are of no use
        known = None
    if known is None:
        return Reading(work, folder, source, mtimes).run_first()
    same = mtimes.cur_as(known.row, now) and known.row.place == source.place
    if same and (mtimes.new_as(known.row, now) or _new_is_empty(work, folder)):
        return known
    return Reading(work, folder, source, mtimes).run(known)


def _uid_source(
    work: AccountWork, folder: str, known: KnownFolder | None, to_read: bool = False
) -> UidSource:
    """Return the UID list of a folder, read so far as is known."""
    place = known.row.place if known is not None else ""
    backup = None
    if known is None and not folder:
        _settle_adoption(work, to_read)
    if known is not None:
        row, pages = known.row, known
        backup = Backup(row.uid_validity, row.uid_next, lambda: _listed(work, pages))
    return UidSource(
        work.root, work.path_of(folder), work.disk, work.patience, place, backup, to_read
    )


def _settle_adoption(work: AccountWork, to_read: bool) -> None:
    try:
        settle_adoption(work.disk.system, work.root, makes_list=True)
    except OSError as error:
        if is_locked(error) and not work.patience.last:
            raise
        listed = os.path.exists(os.path.join(work.root, NAME))
        if not (listed and to_read and cannot_write(error)):
            raise


def _listed(work: AccountWork, known: KnownFolder) -> UidList:
    """Return the UID list that the cache knows."""
    row = known.row
    guid = row.mailbox_id if _GUID.fullmatch(row.mailbox_id) else ""
    uids = {base: uid for uid, base in all_names(work, known).items()}
    uid_list = UidList(Header(row.uid_validity, row.uid_next, guid), 0, len(uids))
    uid_list.uids = uids
    uid_list.last_uid = max(uids.values(), default=0)
    uid_list.extensions = read_texts(work.cache, row.id, Kind.LISTED, list(uids.values()))
    return uid_list


def numbered_row(row: FolderRow, source: UidSource, modseq: int = 0) -> FolderRow:
    """Return the row after UIDs were taken from its list, with a MODSEQ unless that is 0."""
    uid_next = max(row.uid_next, source.part.uid_list.next_uid)
    return replace(row, uid_next=uid_next, place=source.place, modseq=modseq or row.modseq)


def settled(work: AccountWork, row: FolderRow, again: bool = False) -> FolderRow:
    """Return the row with the mtimes after a change of ours. With `again` the folder is read at
    the next opportunity, as it is not as the cache says."""
    mtimes = mtimes_of(work.path_of(row.path))
    dirty = dirty_until(work.disk.now(), mtimes, row.messages)
    cur = -1 if again else mtimes.cur  # what came to new/ meanwhile is found by the next reading
    return replace(row, cur_mtime=cur, list_mtime=mtimes.uid_list, dirty=dirty)
