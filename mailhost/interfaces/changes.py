"""Changes to files that are to be made durable, as values: one class for each kind.

A change that failed left nothing under its final name. Those of one commit do not depend on each
other: where one fails, the others are made all the same. So a message that moves to another folder
is one RenamedFile, and never a LinkedFile with a RemovedFile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from errno import EMLINK, ENOTSUP, EPERM, EXDEV
from typing import TypeAlias

from mailhost.message.content import Content

CANNOT_LINK = frozenset((EXDEV, EPERM, EMLINK, ENOTSUP))
"""Error numbers of a LinkedFile that the disk cannot make: copy the bytes with a NewFile then."""


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


@dataclass(frozen=True, slots=True)
class RenamedFile:
    """A file that gets another name, in its folder or in another one (new/ to cur/, other flags).

    Its bytes are synced first, as another program may have put it there without; then it is
    renamed, the folder of `new` synced, then that of `old`. A missing folder of `new` is made. No
    other file may have the name `new`. Where the change fails the file has its old name, or, where
    it vanished, neither. `again` means that a process which died may have renamed it.
    """

    old: str
    new: str
    again: bool = False
    size = 0
    in_memory = True


@dataclass(frozen=True, slots=True)
class LinkedFile:
    """A second name for a file, which is how a message is copied without its bytes (hard link).

    The bytes are synced first; then it is linked, and the folder of `final` synced. A missing
    folder of `final` is made. An errno in CANNOT_LINK means that this disk, or this file, takes no
    link. `final` is a name that nobody else gives to a file: `again` means that a process which
    died may have made the link, so where `source` is gone since then, `final` is it.
    """

    source: str
    final: str
    again: bool = False
    size = 0
    in_memory = True


@dataclass(frozen=True, slots=True)
class MadeFolder:
    """A folder to be made, with those above it that are missing, and all their names synced.

    It may be there already. Where the change fails and the folder was made by it, the folder is
    removed if nothing was put in it meanwhile.
    """

    path: str
    size = 0
    in_memory = True


Change: TypeAlias = NewFile | RemovedFile | RenamedFile | LinkedFile | MadeFolder
Results: TypeAlias = Sequence[OSError | None]
"""The results of changes, one for each: None for one that is safe on disk."""


def begun(change: Change) -> Change:
    """Return a change to be made again: a process that died may have begun it, or ended it."""
    if isinstance(change, RemovedFile | MadeFolder):
        return change
    return replace(change, again=True)
