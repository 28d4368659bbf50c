"""The message files of one folder while other programs change it.

Nothing is listed as long as the mtimes of new/ and cur/ are those of the last listing. Two changes
within a tick of the file system's clock leave the same mtime, so an mtime that was recent when a
folder was listed proves nothing: the folder is listed once more later. That is Dovecot's rule, with
its second for the clocks of several machines.

readdir(3) may return a file that is renamed meanwhile under both names, or under none. So a message
that a listing misses counts as gone once a second listing misses it too, and of two names for one
message the one counts that is still there. Everything blocks.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Set
from dataclasses import dataclass

from mailhost.store.maildir.flags import base_of

RECENT = 1.0  # seconds
_SLICE = 5000  # names; other threads run between slices at the latest


@dataclass(frozen=True, slots=True)
class Mtimes:
    """When new/ and cur/ were changed last: nanoseconds since 1970, 0 for one that is missing."""

    new: int
    cur: int

    def prove_nothing(self, now: float) -> bool:
        """True where the folder must be listed again though they stay as they are."""
        return max(self.new, self.cur) / 1e9 > now - RECENT


@dataclass(frozen=True, slots=True)
class Entries:
    """A listing. `files` has the file of each message by its base name: `cur/NAME` or `new/NAME`.

    `gone` are those of the known messages that are gone for sure. `doubled` are further files that
    have the base name of another one: what copied them did not choose a new name. `mtimes` are
    those from before the listing.
    """

    files: dict[str, str]
    gone: frozenset[str]
    doubled: tuple[str, ...]
    mtimes: Mtimes


def mtimes(folder: str) -> Mtimes:
    """Return the mtimes of the Maildir at that path. Raises OSError."""
    return Mtimes(_mtime(os.path.join(folder, "new")), _mtime(os.path.join(folder, "cur")))


def _mtime(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except FileNotFoundError:
        return 0


def list_entries(folder: str, known: Set[str] = frozenset()) -> Entries:
    """List the Maildir at that path; `known` are the base names of messages that should be there.

    Whether each name is that of a file shows when it is opened. Raises OSError.
    """
    before = mtimes(folder)
    files: dict[str, str] = {}
    doubled = _list(folder, files)
    missing = known - files.keys()
    if missing:
        again: dict[str, str] = {}
        doubled = _list(folder, again)
        files |= again
        missing -= again.keys()
    return Entries(files, frozenset(missing), tuple(doubled), before)


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
