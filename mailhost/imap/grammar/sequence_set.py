"""Sets of messages by number or UID, held as ranges that are never expanded (RFC 9051 §9)."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from mailhost.imap.grammar.cursor import LARGEST_NUMBER, BadSyntax, Cursor

STAR = LARGEST_NUMBER + 1  # `*`, the largest number in use
MOST_RANGES = 20_000

# seq-number = nz-number / "*";  seq-range = seq-number ":" seq-number
# sequence-set = (seq-number / seq-range) ["," sequence-set];  sequence-set =/ seq-last-command
_SET = re.compile(rb"[0-9*:,]+")
WHAT = "a set of messages such as 1:5,9 or 3:*"

Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class SequenceSet:
    """Ranges (first, last), both included, as the client ordered them; each has first <= last.

    `*` is STAR. `saved` is the result of the last search, `$` (RFC 9051 §6.4.4.1).
    """

    ranges: tuple[Range, ...]
    saved: bool = False

    @classmethod
    def of(cls, *ranges: Range | int) -> SequenceSet:
        """Return a set of numbers and ranges in any direction."""
        pairs = ((one, one) if isinstance(one, int) else one for one in ranges)
        return cls(tuple((min(pair), max(pair)) for pair in pairs))

    @property
    def single(self) -> int | None:
        """The number of a set that has one, STAR for `*`; None for other sets."""
        if len(self.ranges) == 1 and self.ranges[0][0] == self.ranges[0][1]:
            return self.ranges[0][0]
        return None

    def merged(self, largest: int) -> list[Range]:
        """Return the ranges in rising order, none touching the next, with `largest` for `*`.

        `559:*` has the largest number, also where that is below 559. Empty where there is none.
        """
        if largest < 1:
            return []
        if len(self.ranges) == 1:
            return [_without_star(self.ranges[0], largest)]
        found: list[Range] = []
        last = -1
        for first, end in sorted(_without_star(pair, largest) for pair in self.ranges):
            if first > last + 1:
                found.append((first, end))
            elif end > last:
                found[-1] = (found[-1][0], end)
            last = max(last, end)
        return found

    def places_of_uids(self, uids: Sequence[int]) -> list[range]:
        """Return where in `uids`, which rise, those of the set are: places from 0, rising."""
        if not uids:
            return []
        found = []
        low = 0
        for first, last in self.merged(uids[-1]):
            low = bisect_left(uids, first, low)
            high = bisect_right(uids, last, low)
            if low < high:
                found.append(range(low, high))
            low = high
        return found

    def places_of_numbers(self, count: int) -> list[range]:
        """Return the places from 0 of messages by number, of `count` messages; others are left
        out."""
        return [
            range(first - 1, min(last, count))
            for first, last in self.merged(count)
            if first <= count
        ]

    def beyond(self, count: int) -> bool:
        """Whether the set has a message number above `count`, or `*` without any message. FETCH and
        others answer BAD then (RFC 9051 §9, seq-number)."""
        if not count:
            return bool(self.ranges)
        return any(number > count and number != STAR for pair in self.ranges for number in pair)

    def has(self, number: int, largest: int) -> bool:
        """Whether the set has a number, where `largest` is `*`."""
        return any(
            first <= number <= last
            for first, last in (_without_star(pair, largest) for pair in self.ranges)
        )

    def common(self, ranges: Sequence[Range], largest: int) -> list[Range]:
        """Return what the set has in common with rising ranges that do not overlap, rising."""
        found = []
        wanted = self.merged(largest)
        at = 0
        for first, last in ranges:
            while at < len(wanted) and wanted[at][1] < first:
                at += 1
            here = at
            while here < len(wanted) and wanted[here][0] <= last:
                low, high = wanted[here]
                found.append((max(first, low), min(last, high)))
                here += 1
        return found

    def has_star(self) -> bool:
        """Whether `*` is in it, which known-uids and others forbid."""
        return any(last == STAR for _, last in self.ranges)

    def count(self, largest: int) -> int:
        """How many numbers the set has."""
        return sum(last - first + 1 for first, last in self.merged(largest))

    def __str__(self) -> str:
        return "$" if self.saved else ",".join(map(_range_text, self.ranges))


SAVED = SequenceSet((), saved=True)


def _without_star(pair: Range, largest: int) -> Range:
    first, last = pair
    if last != STAR:
        return pair
    if first == STAR:
        return (largest, largest)
    return (first, largest) if first <= largest else (largest, first)


def _range_text(pair: Range) -> str:
    first, last = ("*" if number == STAR else str(number) for number in pair)
    return first if first == last else f"{first}:{last}"


def read_set(cursor: Cursor) -> SequenceSet:
    """Read a sequence set or `$`. Raises BadSyntax."""
    if cursor.take(b"$"):
        return SAVED
    at = cursor.at
    found = cursor.match(_SET)
    if not found:
        raise cursor.expected(WHAT)
    texts = found[0].split(b",")
    if len(texts) > MOST_RANGES:
        raise BadSyntax(f"A set may have {MOST_RANGES} numbers and ranges")
    try:
        return SequenceSet(tuple(map(_read_range, texts)))
    except ValueError:
        cursor.at = at
        raise cursor.expected(WHAT) from None


def read_known_set(cursor: Cursor) -> SequenceSet:
    """Read a set without `*` and `$`, such as known-uids (RFC 7162 §7). Raises BadSyntax."""
    at = cursor.at
    found = read_set(cursor)
    if found.saved or found.has_star():
        cursor.at = at
        raise cursor.expected("a set without * and $")
    return found


def starts_set(cursor: Cursor) -> bool:
    """Whether a set is next."""
    return cursor.text[cursor.at : cursor.at + 1] in _SET_STARTS


_SET_STARTS = frozenset(b"%c" % octet for octet in b"0123456789*$")


def _read_range(text: bytes) -> Range:
    """Raises ValueError."""
    first, colon, last = text.partition(b":")
    if not colon:
        number = _read_number(first)
        return (number, number)
    low, high = _read_number(first), _read_number(last)
    return (low, high) if low <= high else (high, low)


def _read_number(text: bytes) -> int:
    if text == b"*":
        return STAR
    number = int(text) if len(text) <= 10 else 0
    if not 0 < number <= LARGEST_NUMBER:
        raise ValueError
    return number
