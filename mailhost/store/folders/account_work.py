"""The state that all operations on one account share: cache, lock, and the folders read so far.

Everything here blocks and runs in threads, for one operation at a time. The lock between processes
is the write transaction of the cache; `patience` says how long one attempt waits for it. Where the
disk takes no cache (it is full, or read-only) one in memory is used until the account is closed:
then only the locks of the UID lists are left.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import TypeVar

from mailhost.interfaces.folders import FolderView
from mailhost.store.cache.folder_row import FolderRow, folder_row, write_row
from mailhost.store.cache.pages import Page, joined, read_pages
from mailhost.store.cache.restart import restart
from mailhost.store.cache.schema import (
    boot_id,
    open_cache,
    open_in_memory,
    remove_cache,
    wait_for_others,
)
from mailhost.store.folders.disk import Disk
from mailhost.store.folders.patience import BLOCKING, Busy, Patience, is_locked
from mailhost.store.maildir.dotlock import LockTimeout
from mailhost.store.maildir.keywords import MOST
from mailhost.store.maildir.modseq_mark import STEP, raise_mark, read_mark

CACHE = "mailhost.db"

T = TypeVar("T")


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
                sum(map(bool, row.keywords)) < MOST,
            )
        return self._view

    def with_row(self, row: FolderRow) -> KnownFolder:
        """Return the same messages with another row; the view is the same where the row shows
        nothing new."""
        same = _shown(row) == _shown(self.row)
        return KnownFolder(row, self.pages, self._view if same else None)


def _shown(row: FolderRow) -> tuple[object, ...]:
    return row.id, row.mailbox_id, row.uid_validity, row.uid_next, row.modseq, row.keywords


class AccountWork:
    """The mail of one account at `root`, the path of its Maildir."""

    def __init__(self, root: str, disk: Disk) -> None:
        self.root = root
        self.disk = disk
        self.known: dict[str, KnownFolder] = {}
        self.no_size: set[tuple[int, int]] = set()  # folders and UIDs whose octets count nothing
        self.in_memory = False
        self.files_changed = False  # by the transaction under way
        self.fault = ""  # why a cache in memory is used, for the log
        self.patience = BLOCKING
        self._waits = BLOCKING  # the patience that the connection has
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None  # the device and inode of the cache
        self._mark = 0  # no MODSEQ of the account has passed it
        self._told = 0  # the highest MODSEQ that was given by a cache in memory
        self._expected = ("", 0)  # the folder that an operation is for, and its UIDVALIDITY

    @property
    def cache(self) -> sqlite3.Connection:
        """The connection to the cache."""
        if self._connection is None:
            try:
                self._open()
            except (OSError, sqlite3.Error) as error:
                if is_locked(error) and not self.patience.last:
                    raise
                self.use_memory(error)
        assert self._connection is not None
        return self._connection

    @property
    def is_open(self) -> bool:
        """True where the cache takes open files."""
        return self._connection is not None

    @property
    def gave_modseqs(self) -> bool:
        """True where the cache on the disk does not know all MODSEQs that were told."""
        return self._told > 0

    def _open(self) -> None:
        path = os.path.join(self.root, CACHE)
        before = _identity(path)  # another process may remove the cache just now
        opened = open_cache(path, self.patience.seconds)
        self._waits = self.patience
        self._connection, self._file = opened.connection, before or _identity(path)
        if opened.behind or self._told or self._is_older(opened.connection):
            with self.transaction() as cache:
                restart(cache, self._restarting_modseq())
            self._told = 0

    def _is_older(self, cache: sqlite3.Connection) -> bool:
        """True for a cache that came back from a backup or another account: the mark was raised by
        a STEP above a MODSEQ that the cache does not know."""
        row = cache.execute("SELECT modseq FROM account").fetchone()
        return row is not None and row[0] < read_mark(self.root) - STEP

    def _restarting_modseq(self) -> int:
        """A MODSEQ above all that the account may have told, also to clients of other processes."""
        mark = read_mark(self.root)
        self.cache.execute("UPDATE account SET modseq = max(modseq, ?, ?)", (mark, self._told))
        return self.next_modseq()

    def use_memory(self, error: Exception) -> None:
        """Use a cache in memory until the account is closed, because of `error`."""
        self.close()
        self.fault = f"{error}; {os.path.join(self.root, CACHE)} is not used for now"
        self.in_memory = True
        self._connection = open_in_memory()

    def check(self) -> None:
        """Notice that the file of the cache was removed; to be called before each operation."""
        if self._file is not None and _identity(os.path.join(self.root, CACHE)) != self._file:
            self.close()

    def close(self) -> None:
        """Close the cache, and forget what was read."""
        connection, self._connection = self._connection, None
        self._file = None
        self.in_memory = False
        self.known.clear()
        self.no_size.clear()
        if connection is not None:
            with suppress(sqlite3.Error):
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
        back what was written to the cache.

        The block sets `files_changed` once the files are as they shall be. A cache that fails after
        it is no error: a cache in memory is used, and the next reading finds the changes.
        """
        cache = self.cache
        if self._waits != self.patience:
            wait_for_others(cache, self.patience.seconds)
            self._waits = self.patience
        cache.execute("BEGIN IMMEDIATE")
        self.files_changed = False
        try:
            try:
                yield cache
                cache.execute("COMMIT")
            except BaseException:
                self.known.clear()
                with suppress(sqlite3.Error):
                    cache.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            if not self.files_changed:
                raise
            self.use_memory(error)

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
        if known is not None and known.row.id == row.id:
            if known.row == row:
                return known
            if known.row.modseq == row.modseq:
                known = self.known[folder] = known.with_row(row)
                return known
        before = known.pages if known is not None and known.row.id == row.id else {}
        known = self.known[folder] = KnownFolder(row, read_pages(self.cache, row.id, before))
        return known

    def written(self, known: KnownFolder) -> KnownFolder:
        """Write the row of a folder within a transaction, with the counts of its pages."""
        self._check(known.row)
        counts = [page.counts for page in known.pages.values()]
        row = replace(
            known.row,
            messages=sum(count.messages for count in counts),
            unseen=sum(count.unseen for count in counts),
            deleted=sum(count.deleted for count in counts),
        )
        known = KnownFolder(write_row(self.cache, row), known.pages)
        before = self.known.get(row.path)
        if before is not None and before.pages == known.pages:
            known = before.with_row(known.row)
        self.known[row.path] = known
        return known

    def next_modseq(self) -> int:
        """Return a MODSEQ above all that were given in this account; within a transaction.

        Raises sqlite3.OperationalError where the disk cannot keep it.
        """
        row = self.cache.execute("SELECT modseq FROM account").fetchone()
        if row is None:
            since = int(self.disk.now() * 1_000_000)
            modseq = max(since, read_mark(self.root) + 1, self._told + 1)
            values = (modseq, boot_id())
            self.cache.execute("INSERT INTO account (modseq, boot) VALUES (?, ?)", values)
        else:
            modseq = row[0] + 1
            self.cache.execute("UPDATE account SET modseq = ?", (modseq,))
        if self.in_memory:
            self._told = max(self._told, modseq)
        self._keep_mark_above(modseq)
        return int(modseq)

    def _keep_mark_above(self, modseq: int) -> None:
        if modseq > self._mark:
            self._mark = read_mark(self.root)
        if modseq <= self._mark:
            return
        try:
            self._mark = raise_mark(self.disk.system, self.root, modseq)
        except OSError as error:
            if not self.in_memory:
                raise sqlite3.OperationalError(f"no MODSEQ can be kept: {error}") from error


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def attempt(
    work: AccountWork, operation: Callable[[AccountWork], T], patience: Patience = BLOCKING
) -> T:
    """Run an operation, a second time with a new cache where the cache is damaged, and with one in
    memory where it cannot be used. The changes of the first run were taken back.

    Raises what the operation raises, and Busy where others have a lock and this is not the last
    attempt.
    """
    work.patience = patience
    work.check()
    try:
        return operation(work)
    except LockTimeout as error:
        if patience.last:
            raise
        raise Busy from error
    except sqlite3.OperationalError as error:  # locked for too long, or no room
        if work.in_memory:
            raise
        if is_locked(error) and not patience.last:
            raise Busy from error
        work.use_memory(error)
    except sqlite3.DatabaseError as error:
        try:
            work.rebuild()
        except OSError:
            work.use_memory(error)
    return operation(work)
