"""Brings the cache of a folder up to date with its Maildir: new files get UIDs, changed names are
changed flags, and files that are gone have vanished.

Nothing is read while the mtimes of new/, cur/ and the UID list are those of the last reading. A
change by another program within the same tick of the file system's clock leaves the mtime as it
was, so a folder whose mtime was recent is read once more later (`dirty`). A file that a reading
misses counts as vanished only if a second reading misses it too: readdir(3) may leave out a file
that is renamed meanwhile.

Everything blocks, and runs within the account's transaction.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from stat import S_ISREG

from mailhost.store.cache.folder_row import FolderRow, remove_folder
from mailhost.store.cache.messages import (
    MessageRow,
    add_rows,
    all_bases,
    forget_vanished,
    remove_rows,
)
from mailhost.store.cache.pages import (
    MOST_IN_PAGE,
    UNKNOWN_SIZE,
    Page,
    PageMessage,
    by_page,
    write_page,
)
from mailhost.store.folders.account_work import AccountWork, KnownFolder
from mailhost.store.folders.disk import is_full
from mailhost.store.folders.file_flags import info_of, split_name
from mailhost.store.folders.uids import UidSource
from mailhost.store.maildir.filename import arrival, parse_name

RECENT = 1.0  # seconds: a change in the same tick as an mtime so recent may not be seen by it
READ_AGAIN = 2.0  # seconds after which a folder is read again whose mtime was recent
READ_AGAIN_LARGE = 60.0  # the same for a folder of more than LARGE messages
LARGE = 5000


@dataclass(frozen=True, slots=True)
class Mtimes:
    """The mtimes of new/, cur/ and the UID list in nanoseconds; 0 for one that is missing."""

    new: int
    cur: int
    uid_list: int


@dataclass(frozen=True, slots=True)
class Found:
    """A message file: its base name, flags, its whole name, and whether it lies in new/."""

    base: str
    flags: int
    name: str
    is_new: bool


def refreshed(work: AccountWork, folder: str) -> KnownFolder:
    """Return a folder up to date with its files; takes the account's lock only where something has
    changed. While the disk is full, it is returned as it was read last.

    Raises OSError (FileNotFoundError where there is no such folder), sqlite3.Error."""
    mtimes = _mtimes(work.path_of(folder))
    known = work.read(folder)
    if known is not None and _is_current(known.row, mtimes, work.disk.now()):
        return known
    try:
        with work.transaction():
            return refreshed_locked(work, folder)
    except (OSError, sqlite3.OperationalError) as fault:
        if known is None or not is_full(fault):
            raise
        return known


def refreshed_locked(work: AccountWork, folder: str) -> KnownFolder:
    """As `refreshed`, within the transaction of the caller."""
    mtimes = _mtimes(work.path_of(folder))
    known = work.read(folder)
    if known is not None and _is_current(known.row, mtimes, work.disk.now()):
        return known
    place = known.row.place if known is not None else ""
    with uid_source(work, folder, place) as source:
        if known is not None and source.part.uid_list.header.uid_validity != known.row.uid_validity:
            remove_folder(work.cache, known.row.id)  # the UIDs that it has are of no use
            known = None
        return _Reading(work, folder, source, mtimes).run(known)


def _is_current(row: FolderRow, mtimes: Mtimes, now: float) -> bool:
    if row.dirty and now >= row.dirty:
        return False
    return (row.new_mtime, row.cur_mtime, row.list_mtime) == (
        mtimes.new,
        mtimes.cur,
        mtimes.uid_list,
    )


def _mtimes(path: str) -> Mtimes:
    """Raises FileNotFoundError where there is no Maildir."""
    return Mtimes(
        _mtime(os.path.join(path, "new"), required=True),
        _mtime(os.path.join(path, "cur")),
        _mtime(os.path.join(path, "dovecot-uidlist")),
    )


def _mtime(path: str, required: bool = False) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except FileNotFoundError:
        if required:
            raise
        return 0


def uid_source(work: AccountWork, folder: str, place: str) -> UidSource:
    """Return the UID list of a folder, read so far as `place` says."""
    return UidSource(work.root, work.path_of(folder), work.disk, place)


class _Reading:
    """One reading of a folder, with the lock of its UID list."""

    def __init__(self, work: AccountWork, folder: str, source: UidSource, mtimes: Mtimes) -> None:
        self._work = work
        self._folder = folder
        self._path = work.path_of(folder)
        self._source = source
        self._mtimes = mtimes

    def run(self, known: KnownFolder | None) -> KnownFolder:
        """Return the folder as it is now, written to the cache."""
        if known is None:
            known = self._new_folder()
        if self._only_new(known.row):
            missing: list[int] = []
            flags: dict[int, int] = {}
            unknown = list(self._listed_new())
        else:
            missing, flags, unknown = self._compared(known)
        known = self._apply(known, missing, flags, unknown)
        return self._work.written(known)

    def _new_folder(self) -> KnownFolder:
        modseq = self._work.next_modseq()
        uid_list = self._source.part.uid_list
        row = FolderRow(
            0,
            self._folder,
            self._source.mailbox_id,
            uid_list.header.uid_validity,
            uid_list.next_uid,
            modseq,
            horizon=modseq,
        )
        return self._work.written(KnownFolder(row, {}))

    def _only_new(self, row: FolderRow) -> bool:
        """True where nothing but new/ has changed."""
        read = (row.cur_mtime, row.list_mtime) == (self._mtimes.cur, self._mtimes.uid_list)
        return read and not (row.dirty and self._work.disk.now() >= row.dirty)

    # --- what has changed ------------------------------------------------------------------------

    def _compared(self, known: KnownFolder) -> tuple[list[int], dict[int, int], list[Found]]:
        """Return the UIDs of missing messages, the flags of changed ones, and unknown files."""
        bases = all_bases(self._work.cache, known.row.id)
        expected: dict[str, int] = {}
        flags_before: dict[int, int] = {}
        for page in known.pages.values():
            for uid, flags in zip(page.uids, page.flags, strict=True):
                expected[bases[uid] + info_of(flags)] = uid
                flags_before[uid] = flags
        names = set(_listed(os.path.join(self._path, "cur")))
        missing = expected.keys() - names
        others = names - expected.keys()
        if missing:  # those that were renamed while the folder was read, or are in new/ again
            others |= set(_listed(os.path.join(self._path, "cur"))) - expected.keys()
        names_of_bases = {split_name(name)[0]: name for name in others}
        present = {found.base: found for found in self._listed_new()}
        changed: dict[int, int] = {}
        gone: list[int] = []
        for name in missing:
            uid = expected[name]
            base = bases[uid]
            if base in names_of_bases:
                after = split_name(names_of_bases.pop(base))[1]
                if after != flags_before[uid]:
                    changed[uid] = after
            elif base not in present and not _exists(os.path.join(self._path, "cur", name)):
                gone.append(uid)
        known_bases = set(bases.values())
        unknown = [
            Found(base, split_name(name)[1], name, False)
            for base, name in names_of_bases.items()
            if base not in known_bases and _is_message(base)
        ]
        unknown += [found for base, found in present.items() if base not in known_bases]
        return sorted(gone), changed, unknown

    def _listed_new(self) -> Iterable[Found]:
        for name in _listed(os.path.join(self._path, "new")):
            base, flags = split_name(name)
            if _is_message(base):
                yield Found(base, flags, name, True)

    # --- what follows from it --------------------------------------------------------------------

    def _apply(
        self,
        known: KnownFolder,
        missing: Sequence[int],
        flags: dict[int, int],
        unknown: list[Found],
    ) -> KnownFolder:
        cache, row, pages = self._work.cache, known.row, dict(known.pages)
        dates = self._dates(unknown)
        unknown = self._moved_to_cur([found for found in unknown if found.base in dates])
        # a file that came back after it had vanished is another message to those who were told so
        first = row.uid_next if row.cur_mtime >= 0 else 0
        numbered = self._source.numbered([found.base for found in _in_order(unknown)], first)
        if missing or flags or numbered:
            row = replace(row, modseq=self._work.next_modseq())
        if missing:
            row = remove_from_pages(self._work, row, pages, missing)
        if flags:
            for page, uids in by_page(pages, sorted(flags)):
                page = page.with_flags({uid: flags[uid] for uid in uids}, row.modseq)
                pages[page.first_uid] = page
                write_page(cache, row.id, page)
        if numbered:
            self._add(row, pages, {found.base: found for found in unknown}, numbered, dates)
        keywords = self._source.keywords()
        mtimes = _mtimes(self._path)
        row = replace(
            row,
            uid_next=max(row.uid_next, self._source.part.uid_list.next_uid),
            keywords=keywords,
            new_mtime=mtimes.new if self._quiet(self._mtimes.new, mtimes.new) else -1,
            cur_mtime=mtimes.cur,
            list_mtime=mtimes.uid_list,
            dirty=dirty_until(self._work, mtimes, row.messages),
            place=self._source.place,
        )
        return KnownFolder(row, pages)

    def _quiet(self, before: int, after: int) -> bool:
        """Files may have come to new/ while it was read; moving ours to cur/ changes it too."""
        return before == after or not any(True for _ in self._listed_new())

    def _dates(self, unknown: Sequence[Found]) -> dict[str, int]:
        """Return INTERNALDATE by base name, of regular files and links to them alone, as POP3 has
        it: a pipe in their place would block its reader."""
        now = int(self._work.disk.now())
        dates: dict[str, int] = {}
        for found in unknown:
            path = os.path.join(self._path, "new" if found.is_new else "cur", found.name)
            try:
                status = os.stat(path)
            except OSError:
                if not os.path.islink(path):  # renamed just now
                    dates[found.base] = now
                continue
            if S_ISREG(status.st_mode):
                dates[found.base] = int(status.st_mtime)
        return dates

    def _moved_to_cur(self, unknown: list[Found]) -> list[Found]:
        """Move the files from new/ to cur/. One that is gone meanwhile is left out."""
        moved = []
        for found in unknown:
            if not found.is_new:
                moved.append(found)
                continue
            target = os.path.join(self._path, "cur", found.base + info_of(found.flags))
            with suppress(FileNotFoundError):
                os.rename(os.path.join(self._path, "new", found.name), target)
                moved.append(found)
        return moved

    def _add(
        self,
        row: FolderRow,
        pages: dict[int, Page],
        unknown: dict[str, Found],
        numbered: Sequence[tuple[int, str]],
        dates: Mapping[str, int],
    ) -> None:
        now = int(self._work.disk.now())
        rows, messages = [], []
        for uid, base in numbered:
            found = unknown[base]
            rows.append(MessageRow(uid, base, self._source.guid(uid), now))
            messages.append(
                PageMessage(uid, found.flags, row.modseq, size_in_name(base), dates[base])
            )
        add_rows(self._work.cache, row.id, rows)
        append_to_pages(self._work, row.id, pages, messages)


def append_to_pages(
    work: AccountWork, folder: int, pages: dict[int, Page], messages: Sequence[PageMessage]
) -> None:
    """Add messages with rising UIDs at the end, and write the pages that change."""
    page = pages[max(pages)] if pages else None
    if page is not None:
        page = page.without(frozenset(), page.changed)  # readers may have the one that is there
    for message in messages:
        if page is None or len(page.uids) >= MOST_IN_PAGE:
            if page is not None:
                write_page(work.cache, folder, page)
            page = Page(message.uid)
        page.append(message)
        pages[page.first_uid] = page
    if page is not None:
        write_page(work.cache, folder, page)


def remove_from_pages(
    work: AccountWork, row: FolderRow, pages: dict[int, Page], uids: Sequence[int]
) -> FolderRow:
    """Remove messages, given by rising UIDs, from the cache and from `pages`, with the MODSEQ of
    the row. Returns the row, with a new horizon where older removals are forgotten."""
    remove_rows(work.cache, row.id, uids, row.modseq)
    forgotten = forget_vanished(work.cache, row.id)
    for page, some in list(by_page(pages, uids)):
        page = page.without(frozenset(some), row.modseq)
        write_page(work.cache, row.id, page)
        if page.uids:
            pages[page.first_uid] = page
        else:
            del pages[page.first_uid]
    return row if forgotten is None else replace(row, horizon=forgotten)


def dirty_until(work: AccountWork, mtimes: Mtimes, messages: int) -> float:
    """Return when a folder must be read again though its mtimes stay as they are, 0 for never."""
    now = work.disk.now()
    if now - max(mtimes.new, mtimes.cur) / 1e9 > RECENT:
        return 0.0
    return now + (READ_AGAIN if messages <= LARGE else READ_AGAIN_LARGE)


def numbered_row(row: FolderRow, source: UidSource) -> FolderRow:
    """Return the row after UIDs were taken from its list."""
    uid_next = max(row.uid_next, source.part.uid_list.next_uid)
    return replace(row, uid_next=uid_next, place=source.place)


def settled(work: AccountWork, row: FolderRow, again: bool = False) -> FolderRow:
    """Return the row with the mtimes after a change of ours. With `again` the folder is read at
    the next opportunity, as it is not as the cache says."""
    mtimes = _mtimes(work.path_of(row.path))
    cur = -1 if again else mtimes.cur
    new = row.new_mtime  # what was delivered meanwhile is found by the next reading
    dirty = dirty_until(work, mtimes, row.messages)
    return replace(row, new_mtime=new, cur_mtime=cur, list_mtime=mtimes.uid_list, dirty=dirty)


def size_in_name(base: str) -> int:
    """Return the octets on the wire as a file's name tells them, UNKNOWN_SIZE where it does not."""
    name = parse_name(base)
    size = name.wire_size if name is not None else None
    return UNKNOWN_SIZE if size is None else size


def _listed(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except FileNotFoundError:
        return []


def _exists(path: str) -> bool:
    return os.path.lexists(path)


def _is_message(base: str) -> bool:
    return bool(base) and not base.startswith(".")


def _in_order(unknown: Iterable[Found]) -> list[Found]:
    return sorted(unknown, key=lambda found: arrival(found.base))
