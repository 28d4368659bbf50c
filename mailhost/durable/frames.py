"""The frames on the writer's socket, as octets.

A frame is its length in four octets, most significant first, and what `marshal` makes of plain
values: a list of changes, each a tuple that begins with the name of its kind, or a list of results.
A tuple of base names asks the writer to settle its log for them; the answer is one result.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from mailhost.interfaces.changes import (
    Change,
    LinkedFile,
    MadeFolder,
    NewFile,
    RemovedFile,
    RenamedFile,
    WrittenFile,
)
from mailhost.message.content import Content

LARGEST_FRAME = 1 << 28  # octets

Result = tuple[int, str] | None
"""The result of a change: an errno, or 0, and text; None for one that is safe."""


def plain(change: Change) -> tuple[Any, ...]:
    """Return a change as values that `marshal` knows. Its contents must lie in memory."""
    if isinstance(change, NewFile):  # nearly always
        pieces = [piece for content in change.contents for piece in content.pieces]
        return (
            "new",
            change.temporary,
            change.final,
            pieces,
            change.replaces,
            change.again,
            change.beside,
            change.modified,
        )
    match change:
        case RemovedFile(path):
            return ("removed", path)
        case RenamedFile(old, new, again):
            return ("renamed", old, new, again)
        case LinkedFile(source, final, again):
            return ("linked", source, final, again)
        case MadeFolder(path):
            return ("folder", path)
        case WrittenFile(path):
            return ("written", path)


def _new_file(temporary: str, final: str, pieces: Sequence[bytes], *rest: Any) -> NewFile:
    return NewFile(temporary, final, (Content(tuple(pieces)),), *rest)


_KINDS: Mapping[str, Callable[..., Change]] = {
    "new": _new_file,
    "removed": RemovedFile,
    "renamed": RenamedFile,
    "linked": LinkedFile,
    "folder": MadeFolder,
    "written": WrittenFile,
}


def change_of(given: tuple[Any, ...]) -> Change:
    """Return the change that `plain` made these values of."""
    kind, *fields = given
    return _KINDS[kind](*fields)


def settle_frame(names: Collection[str]) -> bytes:
    """Return the request to settle the log for files with these base names, for all where there are
    none."""
    return frame(tuple(names))


def frame(value: list[Any] | tuple[str, ...]) -> bytes:
    """Return a value as it goes over the wire."""
    octets = marshal.dumps(value)
    return len(octets).to_bytes(4, "big") + octets
