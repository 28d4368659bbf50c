"""Changes to files that are to be made durable, as values. Each kind of change is a class.

A change that failed leaves no file under its final name. The changes of one commit do not depend on
each other: if one fails, the others are made nevertheless. So moving a message to another folder
must be one RenamedFile, and not a LinkedFile with a RemovedFile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from errno import EMLINK, ENOTSUP, EPERM, EXDEV
from typing import TypeAlias

from mailhost.message.content import Content

CANNOT_LINK = frozenset((EXDEV, EPERM, EMLINK, ENOTSUP))
"""Error numbers of a LinkedFile that is not possible: then copy the content with a NewFile."""


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file to be made: written as `temporary`, synced, renamed to `final`, its folder synced.

    Missing folders of both paths are made. With `replaces`, another file may have the final name
    until the new one gets it; if the last sync fails, it is unknown which of the two files has the
    name. `again` means that a process that died may have begun the change: the files that it left
    are used. If `beside` is not empty, this folder is made whenever a folder for `temporary` has to
    be made. `modified` is the file's mtime in seconds since 1970, None for the time of writing; one
    that the file system cannot hold is ignored.
    """

    temporary: str
    final: str
    contents: tuple[Content, ...]
    replaces: bool = False
    again: bool = False
    beside: str = ""
    modified: float | None = None

    @property
    def size(self) -> int:
        """The number of octets to be written."""
        return sum(content.size for content in self.contents)

    @property
    def in_memory(self) -> bool:
        """True if all octets to be written are in memory."""
        return all(content.in_memory for content in self.contents)


@dataclass(frozen=True, slots=True)
class RemovedFile:
    """A file to be removed, its folder synced. It is no error if the file does not exist."""

    path: str
    size = 0
    in_memory = True


@dataclass(frozen=True, slots=True)
class RenamedFile:
    """A file that gets another name, in its folder or in another one (new/ to cur/, other flags).

    The content of the file is synced first, because another program may have written it without a
    sync. Then the file is renamed, and the folder of `new` is synced, then the folder of `old`. A
    missing folder of `new` is made. No other file may have the name `new`. If the change fails, the
    file has its old name, unless another program has removed it. `again` means that a process that
    died may have renamed it.
    """

    old: str
    new: str
    again: bool = False
    size = 0
    in_memory = True


@dataclass(frozen=True, slots=True)
class LinkedFile:
    """A second name for a file (hard link), which copies a message without copying its octets.

    The content is synced first; then the link is made, and the folder of `final` is synced. A
    missing folder of `final` is made. An errno in CANNOT_LINK means that this file system, or this
    file, allows no link. No other program gives the name `final` to a file. `again` means that a
    process that died may have made the link: if `source` no longer exists, `final` is the file.
    """

    source: str
    final: str
    again: bool = False
    size = 0
    in_memory = True


@dataclass(frozen=True, slots=True)
class MadeFolder:
    """A folder to be made, with those above it that are missing, and all their names synced.

    The folder may exist already. If the change made the folder and then failed, the folder is
    removed, unless it has got files meanwhile.
    """

    path: str
    size = 0
    in_memory = True


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file that the caller has written to: its octets are synced once the other changes have
    their names. If that fails, the file stays as it is.
    """

    path: str
    size = 0
    in_memory = True


Change: TypeAlias = NewFile | RemovedFile | RenamedFile | LinkedFile | MadeFolder | WrittenFile
Results: TypeAlias = Sequence[OSError | None]
"""The results of changes, one for each: None for one that is safe on disk."""


def begun(change: Change) -> Change:
    """Return this change with `again`, for a change that a process may have begun or completed
    before it died."""
    if isinstance(change, RemovedFile | MadeFolder | WrittenFile):
        return change
    return replace(change, again=True)
