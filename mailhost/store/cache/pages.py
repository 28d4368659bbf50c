"""Pages of a folder: what is known of up to a thousand messages each, packed.

A row for each message would cost SELECT of 100,000 messages a fifth of a second of row objects; a
hundred packed pages cost less than a millisecond. The names of the files lie in a table of their
own, as most reading needs none of them, and flags change more often than names.

A Page is never changed once it is part of a folder: readers may have it.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from mailhost.message.flags import DELETED, SEEN

MOST_IN_PAGE = 1000  # messages
MOST_ADDED_TO = 50  # the same for a page that a few messages are added to: it is written anew
LARGEST_SIZE = (1 << 32) - 1  # octets of a message that can be told

COLUMNS = "first_uid, changed, uids, flags, modseqs, sizes, dates"
FEW = 30  # UIDs that are searched for in a page one by one
_SYSTEM_OCTET = slice(0 if sys.byteorder == "little" else 3, None, 4)  # of each number of `flags`
_UNSEEN = bytes(not octet & SEEN for octet in range(256))
_DELETED = bytes(bool(octet & DELETED) for octet in range(256))


@dataclass(frozen=True, slots=True)
class Entries:
    """Messages to be added to a folder, as columns of one length, by rising UID. `bases` are the
    names of their files without flags, `sizes` octets on the wire, `dates` seconds since 1970."""

    uids: Sequence[int]
    bases: Sequence[str]
    flags: Sequence[int]
    sizes: Sequence[int]
    dates: Sequence[int]

    def part(self, start: int, end: int) -> Entries:
        """Return those from place `start` to `end`."""
        return Entries(
            self.uids[start:end],
            self.bases[start:end],
            self.flags[start:end],
            self.sizes[start:end],
            self.dates[start:end],
        )


@dataclass(frozen=True, slots=True)
class Counts:
    """The messages of a page or folder."""

    messages: int
    unseen: int
    deleted: int


@dataclass(frozen=True, slots=True)
class Names:
    """The files of a page's messages: base names, and when each was saved here."""

    bases: Sequence[str]
    saved: array[int]


class Page:
    """Arrays of the same length, by rising UID. `changed` is the MODSEQ of the last change; `names`
    is None until `names_of` has read it."""

    __slots__ = (
        "_counts", "changed", "dates", "first_uid", "flags", "modseqs", "names", "sizes", "uids",
    )  # fmt: skip

    def __init__(self, first_uid: int, changed: int = 0) -> None:
        self.first_uid = first_uid
        self.changed = changed
        self.uids = array("I")
        self.flags = array("I")
        self.modseqs = array("Q")
        self.sizes = array("I")
        self.dates = array("q")
        self.names: Names | None = None
        self._counts: Counts | None = None

    @property
    def counts(self) -> Counts:
        """How many messages there are, of which kind."""
        if self._counts is None:
            octets = self.flags.tobytes()[_SYSTEM_OCTET]
            self._counts = Counts(
                len(octets),
                octets.translate(_UNSEEN).count(1),
                octets.translate(_DELETED).count(1),
            )
        return self._counts

    def places_of(self, uids: Sequence[int]) -> Sequence[int]:
        """Return the places of messages that the page has, by rising UIDs."""
        first = bisect_left(self.uids, uids[0]) if uids else 0
        if self.uids[first : first + len(uids)] == array("I", uids):
            return range(first, first + len(uids))
        return [bisect_left(self.uids, uid) for uid in uids]

    def extended(self, entries: Entries, modseq: int, saved: int) -> Page:
        """Return a copy with more messages, whose UIDs are above all others. The names must be
        known."""
        names = self.names or Names((), array("q"))
        page = Page(self.first_uid, modseq)
        count = len(entries.uids)
        page.uids = self.uids + array("I", entries.uids)
        page.flags = self.flags + array("I", entries.flags)
        page.modseqs = self.modseqs + array("Q", [modseq]) * count
        page.sizes = self.sizes + array("I", [min(size, LARGEST_SIZE) for size in entries.sizes])
        page.dates = self.dates + array("q", entries.dates)
        page.names = Names(
            [*names.bases, *entries.bases], names.saved + array("q", [saved]) * count
        )
        return page

    def joined(self, after: Page, modseq: int) -> Page:
        """Return a page with the messages of this one and of the page after it, written with this
        MODSEQ. The names of both must be known."""
        assert self.names is not None
        assert after.names is not None
        page = Page(self.first_uid, modseq)
        page.uids = self.uids + after.uids
        page.flags = self.flags + after.flags
        page.modseqs = self.modseqs + after.modseqs
        page.sizes = self.sizes + after.sizes
        page.dates = self.dates + after.dates
        page.names = Names(
            [*self.names.bases, *after.names.bases], self.names.saved + after.names.saved
        )
        return page

    def without(self, uids: frozenset[int], modseq: int) -> Page:
        """Return a copy in which these are missing; the removal has this MODSEQ. The names must be
        known."""
        page = Page(self.first_uid, modseq)
        kept = [index for index, uid in enumerate(self.uids) if uid not in uids]
        page.uids = array("I", map(self.uids.__getitem__, kept))
        page.flags = array("I", map(self.flags.__getitem__, kept))
        page.modseqs = array("Q", map(self.modseqs.__getitem__, kept))
        page.sizes = array("I", map(self.sizes.__getitem__, kept))
        page.dates = array("q", map(self.dates.__getitem__, kept))
        assert self.names is not None
        page.names = Names(
            list(map(self.names.bases.__getitem__, kept)),
            array("q", map(self.names.saved.__getitem__, kept)),
        )
        return page

    def with_flags(self, flags: Mapping[int, int], modseq: int) -> Page:
        """Return a copy in which the messages with these UIDs have these flags."""
        page = self._copy(modseq)
        page.flags, page.modseqs = self.flags[:], self.modseqs[:]
        for place, value in zip(self.places_of(list(flags)), flags.values(), strict=True):
            page.flags[place] = value
            page.modseqs[place] = modseq
        return page

    def with_sizes(self, sizes: Mapping[int, int]) -> Page:
        """Return a copy in which the messages with these UIDs have these sizes. It counts as no
        change, since the size of a message never changes."""
        page = self._copy(self.changed)
        page.sizes = self.sizes[:]
        for uid, size in sizes.items():
            page.sizes[bisect_left(self.uids, uid)] = min(size, LARGEST_SIZE)
        return page

    def with_dates(self, dates: Mapping[int, int]) -> Page:
        """As `with_sizes`, for dates."""
        page = self._copy(self.changed)
        page.dates = self.dates[:]
        for uid, date in dates.items():
            page.dates[bisect_left(self.uids, uid)] = date
        return page

    def with_modseq(self, modseq: int) -> Page:
        """Return a copy in which all messages have changed with this MODSEQ."""
        page = self._copy(modseq)
        page.modseqs = array("Q", [modseq]) * len(self.uids)
        return page

    def _copy(self, changed: int) -> Page:
        page = Page(self.first_uid, changed)
        page.uids, page.flags, page.modseqs = self.uids, self.flags, self.modseqs
        page.sizes, page.dates, page.names = self.sizes, self.dates, self.names
        return page


def read_pages(
    connection: sqlite3.Connection, folder: int, known: Mapping[int, Page]
) -> dict[int, Page]:
    """Return the pages of a folder by their first UID, in order. Those of `known` that have not
    changed are returned as they are."""
    rows = connection.execute(
        "SELECT first_uid, changed FROM page WHERE folder = ? ORDER BY first_uid", (folder,)
    )
    pages = {}
    for first, changed in rows.fetchall():
        page = known.get(first)
        if page is None or page.changed != changed:
            page = _read(connection, folder, first)
        pages[first] = page
    return pages


def _read(connection: sqlite3.Connection, folder: int, first: int) -> Page:
    row = connection.execute(
        f"SELECT {COLUMNS} FROM page WHERE folder = ? AND first_uid = ?",
        (folder, first),
    ).fetchone()
    page = Page(row[0], row[1])
    for column, packed in zip(
        (page.uids, page.flags, page.modseqs, page.sizes, page.dates), row[2:], strict=True
    ):
        column.frombytes(packed)
    return page


def names_of(connection: sqlite3.Connection, folder: int, page: Page) -> Names:
    """Return the names of the files of a page's messages."""
    if not page.uids:
        return Names((), array("q"))
    if page.names is None:
        bases, octets = connection.execute(
            "SELECT bases, saved FROM names WHERE folder = ? AND first_uid = ?",
            (folder, page.first_uid),
        ).fetchone()
        saved = array("q")
        saved.frombytes(octets)
        page.names = Names(os.fsdecode(bases).split("\n"), saved)
    return page.names


def write_page(connection: sqlite3.Connection, folder: int, page: Page) -> None:
    """Write a page, but not its names, in place of what was there."""
    columns = (page.uids, page.flags, page.modseqs, page.sizes, page.dates)
    connection.execute(
        f"INSERT OR REPLACE INTO page (folder, {COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (folder, page.first_uid, page.changed, *(column.tobytes() for column in columns)),
    )


def write_whole_page(connection: sqlite3.Connection, folder: int, page: Page) -> None:
    """Write a page with its names; one without messages is removed."""
    key = (folder, page.first_uid)
    if not page.uids:
        connection.execute("DELETE FROM page WHERE folder = ? AND first_uid = ?", key)
        connection.execute("DELETE FROM names WHERE folder = ? AND first_uid = ?", key)
        return
    write_page(connection, folder, page)
    assert page.names is not None
    connection.execute(
        "INSERT OR REPLACE INTO names (folder, first_uid, bases, saved) VALUES (?, ?, ?, ?)",
        (*key, os.fsencode("\n".join(page.names.bases)), page.names.saved.tobytes()),
    )


def add_entries(
    connection: sqlite3.Connection,
    folder: int,
    pages: dict[int, Page],
    entries: Entries,
    modseq: int,
    saved: int,
) -> None:
    """Add messages at the end of `pages`, and write the pages that change. `saved` is when they
    came here, in seconds since 1970."""
    start, end = 0, len(entries.uids)
    most = MOST_IN_PAGE if end > FEW else MOST_ADDED_TO
    while start < end:
        page = pages[next(reversed(pages))] if pages else None
        if page is not None and len(page.uids) >= most:
            _join_last(connection, folder, pages, modseq)
            page = None
        if page is None:
            page = Page(entries.uids[start])
        names_of(connection, folder, page)
        some = entries.part(start, start + most - len(page.uids))
        page = page.extended(some, modseq, saved)
        write_whole_page(connection, folder, page)
        pages[page.first_uid] = page
        start += len(some.uids)


def _join_last(
    connection: sqlite3.Connection, folder: int, pages: dict[int, Page], modseq: int
) -> None:
    """Make one page of the last two, where it has room for both: messages are added to small pages,
    and most messages lie in large ones."""
    if len(pages) < 2:
        return
    last, before = map(pages.__getitem__, islice(reversed(pages), 2))
    if len(before.uids) + len(last.uids) > MOST_IN_PAGE:
        return
    names_of(connection, folder, before)
    names_of(connection, folder, last)
    write_whole_page(connection, folder, Page(last.first_uid))  # which has no message: removed
    del pages[last.first_uid]
    pages[before.first_uid] = before.joined(last, modseq)
    write_whole_page(connection, folder, pages[before.first_uid])


def remove_entries(
    connection: sqlite3.Connection,
    folder: int,
    pages: dict[int, Page],
    uids: Sequence[int],
    modseq: int,
) -> None:
    """Remove messages, by rising UIDs, from `pages`, and write the pages that change."""
    for page, some in list(by_page(pages, uids)):
        names_of(connection, folder, page)
        page = page.without(frozenset(some), modseq)
        write_whole_page(connection, folder, page)
        if page.uids:
            pages[page.first_uid] = page
        else:
            del pages[page.first_uid]


def by_page(pages: Mapping[int, Page], uids: Iterable[int]) -> Iterator[tuple[Page, list[int]]]:
    """Yield each page with those of `uids`, which rise, that it has."""
    wanted = list(uids)
    start = 0
    for page in pages.values():
        if start >= len(wanted):
            return
        end = bisect_right(wanted, page.uids[-1], start)
        if end > start:
            found = _present(page.uids, wanted[start:end])
            if found:
                yield page, found
            start = end


def _present(uids: array[int], wanted: list[int]) -> list[int]:
    if len(wanted) > FEW:
        present = set(uids)
        return [uid for uid in wanted if uid in present]
    found = []
    for uid in wanted:
        index = bisect_left(uids, uid)
        if index < len(uids) and uids[index] == uid:
            found.append(uid)
    return found


def joined(pages: Iterable[Page], name: str, kind: str) -> array[int]:
    """Return one array of all pages: `name` is that of an array of a page, `kind` its type."""
    whole = array(kind)
    for page in pages:
        whole.extend(getattr(page, name))
    return whole
