"""How often each filter did what, since the host started."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from zope.interface import implementer

from mailhost.interfaces.filters import ICounters


@implementer(ICounters)
class Counters:
    """`counts` by filter and action."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()

    def add(self, filter: str, what: str) -> None:
        """See ICounters."""
        self.counts[filter, what] += 1

    def add_all(self, counts: Mapping[tuple[str, str], int]) -> None:
        """Take what another process counted."""
        self.counts.update(counts)
