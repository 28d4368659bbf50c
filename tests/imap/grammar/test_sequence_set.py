"""Sets of numbers: reading, printing, and which messages they have."""

from __future__ import annotations

import random
from time import perf_counter

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.imap.grammar.cursor import BadSyntax
from mailhost.imap.grammar.numbers import write_ranges, write_set
from mailhost.imap.grammar.sequence_set import (
    MOST_RANGES,
    SAVED,
    STAR,
    SequenceSet,
    read_known_set,
    read_set,
)
from mailhost.message.ranges import ranges_of
from tests.imap.grammar.reading import cursor

of = SequenceSet.of
SMALL = st.integers(1, 30)
NUMBER = SMALL | st.just(STAR)
SETS = st.lists(NUMBER | st.tuples(NUMBER, NUMBER), min_size=1, max_size=8).map(lambda x: of(*x))


def members(found: SequenceSet, largest: int) -> set[int]:
    """The numbers of a set, by the RFC and slowly."""
    numbers: set[int] = set()
    for pair in found.ranges:
        first, last = sorted(largest if number == STAR else number for number in pair)
        numbers.update(range(first, last + 1))
    return numbers


class ReadTests(SynchronousTestCase):
    def test_sets(self) -> None:
        for text, value in (
            (b"1", of(1)),
            (b"2,4:7,9,12:*", of(2, (4, 7), 9, (12, STAR))),
            (b"*:4,5:7", of((4, STAR), (5, 7))),
            (b"9:3", of((3, 9))),
            (b"*", of(STAR)),
            (b"*:*", of((STAR, STAR))),
            (b"4294967295", of(2**32 - 1)),
            (b"$", SAVED),
        ):
            here = cursor(text)
            self.assertEqual(value, read_set(here))
            self.assertTrue(here.at_end())

    def test_no_sets(self) -> None:
        for text in (
            b"", b"0", b"0:1", b"1,", b",1", b"1:", b":1", b"1::2", b"1:2:3", b"1,,2",
            b"4294967296", b"**", b"1*", b"99999999999999999999", b"x",
        ):  # fmt: skip
            self.assertRaises(BadSyntax, read_set, cursor(text))

    def test_known_sets(self) -> None:
        self.assertEqual(of(1, (3, 5)), read_known_set(cursor(b"1,3:5")))
        for text in (b"*", b"1:*", b"$"):
            self.assertRaises(BadSyntax, read_known_set, cursor(text))

    def test_a_limit(self) -> None:
        read_set(cursor(b",".join([b"1"] * MOST_RANGES)))
        self.assertRaises(BadSyntax, read_set, cursor(b",".join([b"1"] * (MOST_RANGES + 1))))

    @given(SETS)
    def test_a_set_is_read_as_it_was_printed(self, found: SequenceSet) -> None:
        self.assertEqual(found, read_set(cursor(str(found).encode())))


class MeaningTests(SynchronousTestCase):
    def test_star(self) -> None:
        self.assertEqual([(500, 559)], of((559, STAR)).merged(500))
        self.assertEqual([(559, 600)], of((559, STAR)).merged(600))
        self.assertEqual([(5, 5)], of(STAR).merged(5))
        self.assertEqual([], of(STAR).merged(0))

    def test_beyond(self) -> None:
        self.assertFalse(of((1, 3), STAR).beyond(3))
        self.assertTrue(of((1, 4)).beyond(3))
        self.assertTrue(of((4, STAR)).beyond(3))
        self.assertTrue(of(STAR).beyond(0))

    def test_single(self) -> None:
        self.assertEqual(5, of(5).single)
        self.assertEqual(STAR, of(STAR).single)
        self.assertIsNone(of((5, 6)).single)
        self.assertIsNone(of(5, 6).single)

    @given(SETS, st.lists(SMALL, unique=True).map(sorted))
    def test_uids(self, found: SequenceSet, uids: list[int]) -> None:
        places = [place for run in found.places_of_uids(uids) for place in run]
        wanted = members(found, uids[-1]) if uids else set()
        self.assertEqual([n for n, uid in enumerate(uids) if uid in wanted], places)

    @given(SETS, st.integers(0, 40))
    def test_numbers(self, found: SequenceSet, count: int) -> None:
        places = [place for run in found.places_of_numbers(count) for place in run]
        wanted = members(found, count) if count else set()
        self.assertEqual([n for n in range(count) if n + 1 in wanted], places)

    @given(SETS, SMALL, SMALL)
    def test_has_and_count(self, found: SequenceSet, number: int, largest: int) -> None:
        wanted = members(found, largest)
        self.assertEqual(number in wanted, found.has(number, largest))
        self.assertEqual(len(wanted), found.count(largest))
        self.assertEqual(ranges_of(sorted(wanted)), found.merged(largest))

    @given(SETS, st.sets(SMALL), SMALL)
    def test_common(self, found: SequenceSet, others: set[int], largest: int) -> None:
        expected = sorted(members(found, largest) & others)
        common = found.common(ranges_of(sorted(others)), largest)
        self.assertEqual(expected, [n for low, high in common for n in range(low, high + 1)])

    def test_common_of_many(self) -> None:
        many = [(number, number) for number in range(1, 40_000, 2)]
        begun = perf_counter()
        self.assertEqual(many[:MOST_RANGES], of(*many[:MOST_RANGES]).common(many, 50_000))
        self.assertLess(perf_counter() - begun, 2.0)

    def test_a_huge_set_costs_nothing(self) -> None:
        began = perf_counter()
        found = of((1, 2**32 - 1), *range(1, 10_000, 2))
        self.assertEqual(2**32 - 1, found.count(5))
        self.assertEqual([range(3)], found.places_of_uids([1, 5, 9]))
        self.assertLess(perf_counter() - began, 1)


class WriteTests(SynchronousTestCase):
    @given(st.lists(st.integers(1, 60), unique=True, min_size=1).map(sorted))
    def test_a_written_set_has_the_same_numbers(self, numbers: list[int]) -> None:
        text = write_set(numbers)
        self.assertEqual(set(numbers), members(read_set(cursor(text)), 1))
        self.assertEqual(write_ranges(ranges_of(numbers)), text)

    def test_no_numbers(self) -> None:
        self.assertEqual(([], b""), (ranges_of([]), write_set([])))

    def test_a_hundred_thousand(self) -> None:
        numbers = sorted(random.Random(1).sample(range(1, 200_001), 100_000))
        began = perf_counter()
        text = write_set(numbers)
        self.assertLess(perf_counter() - began, 1)
        self.assertEqual(write_ranges(ranges_of(numbers)), text)
