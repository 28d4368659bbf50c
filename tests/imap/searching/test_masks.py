"""Sets of messages as numbers, against sets of places."""

from __future__ import annotations

from array import array
from time import perf_counter

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.imap.searching.masks import (
    NOTHING,
    everything,
    mask_of_bit,
    mask_of_places,
    mask_of_uids,
    mask_where,
    picked,
)

FLAGS = st.lists(st.integers(0, (1 << 32) - 1), max_size=20)


class MaskTests(SynchronousTestCase):
    @given(FLAGS, st.integers(0, 31))
    def test_bits(self, flags: list[int], bit: int) -> None:
        count = len(flags)
        mask = mask_of_bit(array("I", flags), 1 << bit)
        places = [place for place in range(count) if flags[place] >> bit & 1]
        self.assertEqual(places, picked(range(count), mask, count))
        without = everything(count) ^ mask
        self.assertEqual(count - len(places), len(picked(range(count), without, count)))

    @given(FLAGS, st.integers(0, 1 << 32))
    def test_comparisons(self, values: list[int], least: int) -> None:
        mask = mask_where(values, least.__le__)
        found = [value for value in values if value >= least]
        self.assertEqual(found, picked(values, mask, len(values)))

    @given(st.lists(st.integers(1, 40), unique=True).map(sorted), st.lists(st.integers(1, 40)))
    def test_uids(self, uids: list[int], found: list[int]) -> None:
        mask = mask_of_uids(uids, found)
        self.assertEqual([uid for uid in uids if uid in found], picked(uids, mask, len(uids)))

    def test_places(self) -> None:
        mask = mask_of_places(6, [range(1, 3), range(5, 6)])
        self.assertEqual([1, 2, 5], picked(range(6), mask, 6))
        self.assertEqual(NOTHING, mask_of_places(0, []))
        self.assertEqual([], picked([], everything(0), 0))

    def test_a_hundred_thousand_messages_take_milliseconds(self) -> None:
        flags = array("I", range(100_000))
        uids = array("I", range(1, 100_001))
        begun = perf_counter()
        for _ in range(10):
            mask = everything(100_000) ^ mask_of_bit(flags, 8)
            picked(uids, mask, 100_000)
        self.assertLess((perf_counter() - begun) / 10, 0.05)
