"""Pages of a folder: what SELECT and FETCH FLAGS need of up to a thousand messages, packed.

A row for each message would cost SELECT of 100,000 messages a fifth of a second of row objects; a
hundred packed pages cost less than a millisecond. So flags and MODSEQs lie in pages alone.
"""

from __future__ import annotations

import sqlite3
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

MOST_IN_PAGE = 1000  # messages
LARGEST_SIZE = (1 << 32) - 1  # octets of a message that can be told
UNKNOWN_SIZE = 0  # octets that were not counted yet

COLUMNS = "first_uid, changed, uids, flags, modseqs, sizes, dates"


@dataclass(frozen=True, slots=True)
class PageMessage:
    """One message as it goes into a page. `size` in octets on the wire, `date` in seconds."""

    uid: int
    flags: int
    modseq: int
    size: int
    date: int


class Page:
    """Arrays of the same length, by rising UID. `changed` is the MODSEQ of the last change."""

    __slots__ = ("changed", "dates", "first_uid", "flags", "modseqs", "sizes", "uids")

    def __init__(self, first_uid: int, changed: int = 0) -> None:
        self.first_uid = first_uid
        self.changed = changed
        self.uids = array("I")
        self.flags = array("I")
        self.modseqs = array("Q")
        self.sizes = array("I")
        self.dates = array("q")

    def append(self, message: PageMessage) -> None:
        """Add a message whose UID is above all others."""
        self.uids.append(message.uid)
        self.flags.append(message.flags)
        self.modseqs.append(message.modseq)
        self.sizes.append(min(message.size, LARGEST_SIZE))
        self.dates.append(message.date)
        self.changed = max(self.changed, message.modseq)

    def without(self, uids: frozenset[int], modseq: int) -> Page:
        """Return a copy in which these are missing; the removal has this MODSEQ."""
        page = Page(self.first_uid, modseq)
        kept = [index for index, uid in enumerate(self.uids) if uid not in uids]
        page.uids = array("I", [self.uids[index] for index in kept])
        page.flags = array("I", [self.flags[index] for index in kept])
        page.modseqs = array("Q", [self.modseqs[index] for index in kept])
        page.sizes = array("I", [self.sizes[index] for index in kept])
        page.dates = array("q", [self.dates[index] for index in kept])
        return page

    def with_flags(self, flags: Mapping[int, int], modseq: int) -> Page:
        """Return a copy in which the messages with these UIDs have these flags."""
        page = Page(self.first_uid, modseq)
        page.uids, page.sizes, page.dates = self.uids, self.sizes, self.dates
        page.flags, page.modseqs = self.flags[:], self.modseqs[:]
        for uid, value in flags.items():
            index = bisect_left(self.uids, uid)
            page.flags[index] = value
            page.modseqs[index] = modseq
        return page

    def with_sizes(self, sizes: Mapping[int, int]) -> Page:
        """Return a copy in which the messages with these UIDs have these sizes. It counts as no
        change, since the size of a message never changes."""
        page = Page(self.first_uid, self.changed)
        page.uids, page.dates = self.uids, self.dates
        page.flags, page.modseqs = self.flags, self.modseqs
        page.sizes = self.sizes[:]
        for uid, size in sizes.items():
            page.sizes[bisect_left(self.uids, uid)] = min(size, LARGEST_SIZE)
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
        pages[first] = (
            page
            if page is not None and page.changed == changed
            else _read(connection, folder, first)
        )
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


def write_page(connection: sqlite3.Connection, folder: int, page: Page) -> None:
    """Write a page in place of what was there; one without messages is removed."""
    if not page.uids:
        connection.execute(
            "DELETE FROM page WHERE folder = ? AND first_uid = ?", (folder, page.first_uid)
        )
        return
    columns = (page.uids, page.flags, page.modseqs, page.sizes, page.dates)
    connection.execute(
        f"INSERT OR REPLACE INTO page (folder, {COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (folder, page.first_uid, page.changed, *(column.tobytes() for column in columns)),
    )


def page_starts(pages: Mapping[int, Page]) -> list[int]:
    """Return the first UIDs of pages, rising."""
    return list(pages)


def by_page(pages: Mapping[int, Page], uids: Iterable[int]) -> Iterator[tuple[Page, list[int]]]:
    """Yield each page with those of `uids`, which rise, that it has."""
    starts = list(pages)
    groups: dict[int, list[int]] = {}
    for uid in uids:
        at = _page_at(starts, uid)
        if at is not None:
            page = pages[starts[at]]
            index = bisect_left(page.uids, uid)
            if index < len(page.uids) and page.uids[index] == uid:
                groups.setdefault(starts[at], []).append(uid)
    for start, some in groups.items():
        yield pages[start], some


def _page_at(starts: Sequence[int], uid: int) -> int | None:
    at = bisect_left(starts, uid + 1) - 1
    return at if at >= 0 else None


def joined(pages: Iterable[Page], name: str, kind: str) -> array[int]:
    """Return one array of all pages: `name` is that of an array of a page, `kind` its type."""
    whole = array(kind)
    for page in pages:
        whole.extend(getattr(page, name))
    return whole
