"""What the operations on one account share: its cache, its lock, and the folders that were read.

Everything here blocks and runs in threads, for one operation at a time. The lock between processes
is the write transaction of the cache.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from mailhost.interfaces.folders import FolderView
from mailhost.store.cache.folder_row import FolderRow, folder_row, write_row
from mailhost.store.cache.pages import Page, joined, read_pages
from mailhost.store.cache.schema import open_cache, remove_cache
from mailhost.store.folders.disk import Disk
from mailhost.store.maildir.modseq_mark import raise_mark, read_mark

CACHE = "mailhost.db"


class FolderReplaced(FileNotFoundError):
    """The folder was removed, and another one was made at its place."""


@dataclass(slots=True)
class KnownFolder:
    """A folder as it was read last. `view` is made when it is asked for."""

    row: FolderRow
    pages: dict[int, Page]
    _view: FolderView | None = field(default=None, repr=False)

    @property
    def view(self) -> FolderView:
        """The folder as readers see it."""
        if self._view is None:
            row, pages = self.row, self.pages.values()
            self._view = FolderView(
                row.mailbox_id,
                row.uid_validity,
                row.uid_next,
                row.modseq,
                row.keywords,
                joined(pages, "uids", "I"),
                joined(pages, "flags", "I"),
                joined(pages, "modseqs", "Q"),
                joined(pages, "sizes", "I"),
                joined(pages, "dates", "q"),
            )
        return self._view


class AccountWork:
    """The mail of one account at `root`, the path of its Maildir."""

    def __init__(self, root: str, disk: Disk) -> None:
        self.root = root
        self.disk = disk
        self.known: dict[str, KnownFolder] = {}
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None  # device and inode of the open cache
        self._mark = 0  # no MODSEQ of the account has passed it
        self._expected = ("", 0)

    @property
    def cache(self) -> sqlite3.Connection:
        """The connection to the cache. Raises OSError, sqlite3.Error."""
        if self._connection is None:
            path = os.path.join(self.root, CACHE)
            before = _identity(path)
            self._connection = open_cache(path)
            self._file = before or _identity(path)
        return self._connection

    def close_if_removed(self) -> None:
        """Close the cache if its file was removed: another process may use a new one."""
        if self._connection is not None and self._file != _identity(os.path.join(self.root, CACHE)):
            self.close()

    def close(self) -> None:
        """Close the cache, and forget what was read."""
        connection, self._connection = self._connection, None
        self.known.clear()
        if connection is not None:
            connection.close()

    def rebuild(self) -> None:
        """Remove the cache, which was found damaged: it is made anew from the files."""
        self.close()
        remove_cache(os.path.join(self.root, CACHE))

    def path_of(self, folder: str) -> str:
        """Return the path of a folder's Maildir; `folder` is below the account's own."""
        return os.path.join(self.root, folder) if folder else self.root

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Have the account alone, against all processes, until the block ends; an exception takes
        back what was written to the cache."""
        cache = self.cache
        cache.execute("BEGIN IMMEDIATE")
        try:
            yield cache
            cache.execute("COMMIT")
        except BaseException:
            if cache.in_transaction:  # a full disk has taken it back already
                cache.execute("ROLLBACK")
            self.known.clear()
            raise

    @contextmanager
    def only(self, folder: str, uid_validity: int) -> Iterator[None]:
        """Have operations raise FolderReplaced where the folder has another UIDVALIDITY, until the
        block ends. 0 is any."""
        self._expected = (folder, uid_validity)
        try:
            yield
        finally:
            self._expected = ("", 0)

    def _check(self, row: FolderRow) -> None:
        path, uid_validity = self._expected
        if uid_validity and path == row.path and uid_validity != row.uid_validity:
            raise FolderReplaced(f"{path or 'INBOX'} was replaced by another folder")

    def read(self, folder: str) -> KnownFolder | None:
        """Return a folder as the cache has it, None where it was never read."""
        row = folder_row(self.cache, folder)
        if row is None:
            self.known.pop(folder, None)
            return None
        self._check(row)
        known = self.known.get(folder)
        if known is not None and known.row.id == row.id and known.row.modseq == row.modseq:
            if known.row != row:
                known.row = row
            return known
        before = known.pages if known is not None and known.row.id == row.id else {}
        known = self.known[folder] = KnownFolder(row, read_pages(self.cache, row.id, before))
        return known

    def written(self, known: KnownFolder) -> KnownFolder:
        """Write the row of a folder within a transaction, with counts made anew from its pages."""
        messages = unseen = deleted = 0
        for page in known.pages.values():
            messages += len(page.uids)
            unseen += sum(1 for flags in page.flags if not flags & 8)
            deleted += sum(1 for flags in page.flags if flags & 4)
        row = replace(known.row, messages=messages, unseen=unseen, deleted=deleted)
        self._check(row)
        known = KnownFolder(write_row(self.cache, row), known.pages)
        self.known[row.path] = known
        return known

    def next_modseq(self) -> int:
        """Return a MODSEQ above all that were given in this account; within a transaction."""
        row = self.cache.execute("SELECT modseq FROM account").fetchone()
        if row is None:
            modseq = max(int(self.disk.now() * 1_000_000), read_mark(self.root) + 1)
            self.cache.execute("INSERT INTO account (modseq) VALUES (?)", (modseq,))
        else:
            modseq = row[0] + 1
            self.cache.execute("UPDATE account SET modseq = ?", (modseq,))
        if modseq > self._mark:
            self._mark = read_mark(self.root)
        if modseq > self._mark:
            self._mark = raise_mark(self.disk.system, self.root, modseq)
        return int(modseq)


def _identity(path: str) -> tuple[int, int] | None:
    """Return which file is at a path, None for none."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino
