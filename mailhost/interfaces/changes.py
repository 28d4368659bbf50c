"""Changes to files that somebody wants made durable, as values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from mailhost.message.content import Content


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file to be made: written as `temporary`, synced, renamed to `final`, its folder synced.

    Missing folders of either path are made. With `replaces` a file may have the final name: it is
    there until the new one is, and where the last sync fails it is unknown which of the two is.
    `again` means that a process which died may have begun it: what it left behind is used. `beside`
    is a folder that is made whenever a folder for `temporary` has to be made, empty for none.
    """

    temporary: str
    final: str
    contents: tuple[Content, ...]
    replaces: bool = False
    again: bool = False
    beside: str = ""

    @property
    def size(self) -> int:
        """Octets to be written."""
        return sum(content.size for content in self.contents)

    @property
    def in_memory(self) -> bool:
        """True where what is to be written lies in memory."""
        return all(content.in_memory for content in self.contents)


@dataclass(frozen=True, slots=True)
class RemovedFile:
    """A file to be removed, its folder synced. Gone already is removed."""

    path: str
    size = 0
    in_memory = True


Change: TypeAlias = NewFile | RemovedFile
Results: TypeAlias = Sequence[OSError | None]
"""What came of changes, one for each: None for one that is safe on disk."""
