"""Numbers of messages as text."""

from __future__ import annotations

from array import array

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.imap.grammar.numbers import write_in_order, write_numbers, write_ranges, write_set


class NumberTests(SynchronousTestCase):
    def test_sets(self) -> None:
        for numbers, text in (
            ([], b""),
            ([1], b"1"),
            ([1, 2], b"1:2"),
            ([1, 2, 3, 9], b"1:3,9"),
            ([1, 3, 4, 5], b"1,3:5"),
            ([1, 3, 5], b"1,3,5"),
            ([4294967294, 4294967295], b"4294967294:4294967295"),
        ):
            self.assertEqual(text, write_set(numbers))
            self.assertEqual(text, write_set(array("I", numbers)))
            self.assertEqual(text, write_in_order(numbers))

    def test_order_is_kept(self) -> None:
        """The sets of COPYUID belong together number by number."""
        self.assertEqual(b"1,3,2,4", write_in_order([1, 3, 2, 4]))
        self.assertEqual(b"5:6,1:2", write_in_order([5, 6, 1, 2]))
        self.assertEqual(b"3,2,1", write_in_order([3, 2, 1]))

    @given(st.lists(st.integers(1, 20)))
    def test_any_order(self, numbers: list[int]) -> None:
        found: list[int] = []
        for text in write_in_order(numbers).split(b",") if numbers else ():
            first, _, last = text.partition(b":")
            found += range(int(first), int(last or first) + 1)
        self.assertEqual(numbers, found)

    def test_ranges(self) -> None:
        self.assertEqual(b"1:3,5,9:10", write_ranges([(1, 3), (5, 5), (9, 10)]))
        self.assertEqual(b"", write_ranges([]))

    def test_one_by_one(self) -> None:
        self.assertEqual(b" 1 5 3", write_numbers([1, 5, 3]))
        self.assertEqual(b" 1 5", write_numbers(array("I", [1, 5])))
        self.assertEqual(b"", write_numbers([]))
