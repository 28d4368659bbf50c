"""The times at which the directories and the UID list of a folder were changed last: they tell
whether the folder must be read again."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from dataclasses import dataclass
from stat import S_ISLNK

from mailhost.store.cache.folder_row import FolderRow
from mailhost.store.maildir.links import is_followed
from mailhost.store.maildir.uid_list_file import NAME

RECENT = 1.0  # seconds: a change in the same tick as an mtime so recent may not be seen by it
READ_AGAIN = 2.0  # seconds after which a folder is read again whose mtime was recent
READ_AGAIN_LARGE = 60.0  # the same for a folder of more than LARGE messages
LARGE = 5000


@dataclass(frozen=True, slots=True)
class Mtimes:
    """The mtimes of new/, cur/ and the UID list in nanoseconds; 0 for one that is missing."""

    new: int
    cur: int
    uid_list: int

    def cur_as(self, row: FolderRow, now: float) -> bool:
        """True where cur/ and the UID list are as `row` has them, at `now` seconds since 1970."""
        again = row.dirty and not row.dirty - READ_AGAIN_LARGE <= now < row.dirty
        return not again and (row.cur_mtime, row.list_mtime) == (self.cur, self.uid_list)

    def new_as(self, row: FolderRow, now: float) -> bool:
        """True where new/ is as `row` has it for sure."""
        return row.new_mtime == self.new and not -RECENT < now - self.new / 1e9 < RECENT


def mtimes_of(path: str) -> Mtimes:
    """Return those of the Maildir at `path`, completed if need be. Raises as `complete`."""
    return Mtimes(complete(path), _mtime(f"{path}/cur"), _mtime(f"{path}/{NAME}"))


def complete(path: str) -> int:
    """Complete a Maildir that was half made when a process died, and return the mtime of its new/.
    Raises FileNotFoundError where there is none, PermissionError for a link that is not
    followed."""
    new = _mtime(f"{path}/new")
    if not new:
        for name in ("cur", "new"):
            with suppress(FileExistsError):
                os.mkdir(os.path.join(path, name), 0o700)
        new = _mtime(f"{path}/new")
    return new


def _mtime(path: str) -> int:
    """Raises PermissionError for a link that is not followed."""
    try:
        found = os.lstat(path)
        if S_ISLNK(found.st_mode):
            if not is_followed(found):
                raise PermissionError(errno.EPERM, "another user's link is not followed", path)
            found = os.stat(path)
    except FileNotFoundError:
        return 0
    return found.st_mtime_ns


def dirty_until(now: float, mtimes: Mtimes, messages: int) -> float:
    """Return when a folder must be read again though its mtimes stay as they are, 0 for never."""
    if now - mtimes.cur / 1e9 > RECENT:
        return 0.0
    return now + (READ_AGAIN if messages <= LARGE else READ_AGAIN_LARGE)
