"""The same octets cut in different ways, as a network may cut them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import TypeVar
from zlib import crc32

T = TypeVar("T")

LONGEST_IN_OCTETS = 1000  # octets of data that are also given one at a time
PATTERNS = 2  # random ways to cut


def ways_to_cut(data: bytes) -> Iterator[list[bytes]]:
    """Yield lists of blocks that are `data` when joined: the same lists each time."""
    if len(data) <= LONGEST_IN_OCTETS:
        yield [data[at : at + 1] for at in range(len(data))]
    random = Random(crc32(data))
    for _ in range(PATTERNS):
        cuts = sorted(random.randrange(len(data) + 1) for _ in range(random.randrange(1, 9)))
        yield [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def result_of_any_cut(data: bytes, read: Callable[[list[bytes]], T]) -> T:
    """Return what `read` makes of the data in one block. Raises AssertionError where it makes
    anything else of the same data in several blocks."""
    whole = read([data])
    for blocks in ways_to_cut(data):
        found = read(blocks)
        assert found == whole, f"{found!r} and not {whole!r} with {list(map(len, blocks))}"
    return whole
