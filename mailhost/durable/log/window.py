"""The base names of the files whose records the last checkpoint does not cover."""

from __future__ import annotations

from collections.abc import Collection, Iterable


class Window:
    """Names are in the window until a checkpoint that was marked after they were added succeeds."""

    def __init__(self) -> None:
        self._marked: set[str] = set()  # before the checkpoint under way
        self._since: set[str] = set()
        self.marks = 0  # checkpoints that have begun
        self.dropped = 0  # the number of the last one that has succeeded

    @property
    def grew(self) -> bool:
        """True if names were added since the last mark."""
        return bool(self._since)

    def add(self, names: Iterable[str]) -> None:
        """Records with these names are about to be written."""
        self._since.update(names)

    def mark(self) -> None:
        """A checkpoint begins."""
        self.marks += 1
        self._marked |= self._since
        self._since = set()

    def drop(self) -> None:
        """The checkpoint that was marked last has succeeded."""
        self.dropped = self.marks
        self._marked = set()

    def has(self, names: Collection[str]) -> bool:
        """True if the window has one of these names, or any where there are none."""
        if not names:
            return bool(self._since or self._marked)
        return not (self._since.isdisjoint(names) and self._marked.isdisjoint(names))
