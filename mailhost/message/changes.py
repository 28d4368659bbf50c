"""Changes to files that somebody wants made durable, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from mailhost.message.content import Content


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file to be made: written as `temporary`, synced, renamed to `final`, its folder synced.

    Missing folders of either path are made. With `replaces` a file may have the final name: it is
    there until the new one is, and where the last sync fails it is unknown which of the two is.
    `again` says that a process which died may have begun it: what it left behind is used.
    """

    temporary: str
    final: str
    contents: tuple[Content, ...]
    replaces: bool = False
    again: bool = False


@dataclass(frozen=True, slots=True)
class RemovedFile:
    """A file to be removed, its folder synced. Gone already is removed."""

    path: str


Change: TypeAlias = NewFile | RemovedFile
