"""Which symbolic links in an account's Maildir are followed: those of root and of the host's user.

A user who can write into a Maildir, such as one with a shell account, could otherwise have a link
lead to the mail of another account, which this host may read.
"""

from __future__ import annotations

import os
from stat import S_ISLNK


def is_folder(entry: os.DirEntry[str]) -> bool:
    """True for a directory, and for a link to one that is followed."""
    if not entry.is_symlink():
        return entry.is_dir(follow_symlinks=False)
    try:
        return is_followed(entry.stat(follow_symlinks=False)) and entry.is_dir()
    except OSError:  # it is gone, or leads to itself
        return False


def is_followed(found: os.stat_result) -> bool:
    """True for what lstat(2) tells of anything but the link of another user."""
    return not S_ISLNK(found.st_mode) or found.st_uid in (0, os.geteuid())
