"""Writes numbers of messages: as sets of ranges, and one by one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def write_set(numbers: Sequence[int]) -> bytes:
    """Return a sequence set of numbers that rise, b"" for none. `[1, 2, 3, 9]` is `1:3,9`."""
    if not numbers:
        return b""
    first, last = numbers[0], numbers[-1]
    if last - first == len(numbers) - 1:
        return b"%d:%d" % (first, last) if first < last else b"%d" % first
    return write_in_order(numbers)


def write_in_order(numbers: Iterable[int]) -> bytes:
    """As `write_set`, of numbers in any order, which is kept, as COPYUID wants it (RFC 4315 §3).

    The end of a range is written as a negative number at first, so that the numbers become text in
    one call: a fifth of the time of formatting each.
    """
    found: list[int] = []
    first = last = -2
    for number in numbers:
        if number != last + 1:
            if first != last:
                found.append(-last)
            found.append(number)
            first = number
        last = number
    if first != last:
        found.append(-last)
    return str(found)[1:-1].replace(", -", ":").replace(", ", ",").encode("ascii")


def write_ranges(ranges: Iterable[tuple[int, int]]) -> bytes:
    """Return a sequence set of ranges (first, last), in their order."""
    return b",".join(
        [b"%d:%d" % (first, last) if first != last else b"%d" % first for first, last in ranges]
    )


def write_numbers(numbers: Iterable[int]) -> bytes:
    """Return numbers with a space before each, as SEARCH and SORT have them."""
    text = str(list(numbers))[1:-1].replace(",", "")
    return f" {text}".encode("ascii") if text else b""
