"""Pages of messages against a plain list of them."""

from __future__ import annotations

import sqlite3
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.flags import DELETED, SEEN
from mailhost.message.ranges import ranges_of
from mailhost.store.cache import pages as module
from mailhost.store.cache.pages import (
    Entries,
    Page,
    add_entries,
    by_page,
    names_of,
    read_pages,
    remove_entries,
    write_page,
)
from mailhost.store.cache.schema import open_in_memory
from mailhost.store.cache.vanished import add_vanished, forget_vanished, vanished_since

Model = dict[int, tuple[str, int]]


def contents(connection: sqlite3.Connection, pages: dict[int, Page]) -> Model:
    found: Model = {}
    for page in pages.values():
        names = names_of(connection, 1, page)
        found.update(zip(page.uids, zip(names.bases, page.flags, strict=True), strict=True))
    return found


class PageTests(SynchronousTestCase):
    @settings(max_examples=50)
    @given(st.lists(st.tuples(st.sampled_from("adf"), st.sets(st.integers(0, 30), max_size=9))))
    def test_as_a_list(self, steps: list[tuple[str, set[int]]]) -> None:
        self.patch(module, "MOST_IN_PAGE", 4)
        self.patch(module, "MOST_ADDED_TO", 3)
        self.patch(module, "FEW", 5)
        connection = open_in_memory()
        model: Model = {}
        pages: dict[int, Page] = {}
        last = 0
        for modseq, (kind, numbers) in enumerate(steps, 1):
            if kind == "a":
                uids = [last + 1 + number for number in sorted(numbers)]
                last = max([last, *uids])
                bases = [f"n{uid}" for uid in uids]
                entries = Entries(uids, bases, [0] * len(uids), uids, uids)
                add_entries(connection, 1, pages, entries, modseq, 7)
                model |= {uid: (base, 0) for uid, base in zip(uids, bases, strict=True)}
            elif kind == "d":
                remove_entries(connection, 1, pages, sorted(numbers), modseq)
                model = {uid: said for uid, said in model.items() if uid not in numbers}
            else:
                for page, uids in list(by_page(pages, sorted(numbers))):
                    page = page.with_flags(dict.fromkeys(uids, SEEN | modseq << 5), modseq)
                    pages[page.first_uid] = page
                    write_page(connection, 1, page)
                    model |= {uid: (model[uid][0], SEEN | modseq << 5) for uid in uids}
            self.assertEqual(contents(connection, pages), model)
            again = read_pages(connection, 1, {})
            self.assertEqual(contents(connection, again), model)
            self.assertEqual(list(again), list(pages))
            for first, page in read_pages(connection, 1, pages).items():
                self.assertIs(page, pages[first])
        connection.close()

    def test_counts(self) -> None:
        flags = [0, SEEN, DELETED, SEEN | DELETED, 1 << 30]
        entries = Entries([1, 2, 3, 4, 5], list("abcde"), flags, [1] * 5, [1] * 5)
        counts = Page(1).extended(entries, 9, 9).counts
        self.assertEqual((counts.messages, counts.unseen, counts.deleted), (5, 3, 2))


class VanishedTests(SynchronousTestCase):
    @given(st.sets(st.integers(1, 60)))
    def test_ranges(self, uids: set[int]) -> None:
        found = ranges_of(sorted(uids))
        self.assertEqual({u for first, last in found for u in range(first, last + 1)}, uids)
        self.assertTrue(all(a[1] + 1 < b[0] for a, b in pairwise(found)))

    def test_the_oldest_are_forgotten(self) -> None:
        connection = open_in_memory()
        for modseq in range(1, 6):
            add_vanished(connection, 1, [modseq * 10, modseq * 10 + 1], modseq)
        self.assertIsNone(forget_vanished(connection, 1, most=5))
        self.assertEqual(forget_vanished(connection, 1, most=3), 2)
        self.assertEqual(vanished_since(connection, 1, 3), [(40, 41), (50, 51)])
        connection.close()
