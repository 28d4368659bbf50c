"""The message files of one folder while other programs change it.

readdir(3) may return a file that is renamed meanwhile under both names, or under none. So a message
that a listing misses counts as gone once a second listing misses it too, and of two names for one
message the one counts that is still there. Everything blocks.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Set
from dataclasses import dataclass

from mailhost.store.maildir.flags import base_of

_SLICE = 5000  # names; other threads run between slices at the latest


@dataclass(frozen=True, slots=True)
class Entries:
    """A listing. `files` has the file of each message by its base name: `cur/NAME` or `new/NAME`.

    `gone` are those of the known messages that are gone for sure. `doubled` are further files that
    have the base name of another one: what copied them did not choose a new name.
    """

    files: dict[str, str]
    gone: frozenset[str]
    doubled: tuple[str, ...]


def list_entries(folder: str, known: Set[str] = frozenset()) -> Entries:
    """List the Maildir at that path; `known` are the base names of messages that should be there.

    Whether each name is that of a file shows when it is opened. Raises OSError.
    """
    files: dict[str, str] = {}
    doubled = _list(folder, files)
    missing = known - files.keys()
    if missing:
        again: dict[str, str] = {}
        doubled = _list(folder, again)
        files |= again
        missing -= again.keys()
    return Entries(files, frozenset(missing), tuple(doubled))


def _list(folder: str, files: dict[str, str]) -> list[str]:
    """Add to `files`; return those that are double. A message goes from new/ to cur/, so new/ is
    read first."""
    doubled = []
    for place in ("new", "cur"):
        for names in _names(os.path.join(folder, place)):
            for name in names:
                base = base_of(name)
                if not base or base[0] == "." or "\n" in base or "\r" in base:
                    continue
                path = f"{place}/{name}"
                if files.setdefault(base, path) != path:
                    doubled += _settled(folder, files, base, path)
    return doubled


def _settled(folder: str, files: dict[str, str], base: str, path: str) -> list[str]:
    """Choose between two names of one message; return the other one where both are there."""
    before = files[base]
    if not os.path.lexists(os.path.join(folder, path)):
        return []
    files[base] = path
    return [before] if os.path.lexists(os.path.join(folder, before)) else []


def _names(path: str) -> Iterator[list[str]]:
    try:
        names = os.listdir(path)
    except FileNotFoundError:
        return
    for start in range(0, len(names), _SLICE):
        yield names[start : start + _SLICE]
