"""From root to the user who serves: once the low ports are open, nothing more is done as root."""

from __future__ import annotations

import os
import pwd

from twisted.python.util import switchUID


def make_folder(path: str) -> None:
    """Make `path` for its owner alone where it is missing. Raises OSError."""
    os.makedirs(path, mode=0o700, exist_ok=True)


def give(user: str, folder: str) -> None:
    """Give `folder`, and what root made in it before it became `user`, to that user.

    Whoever is that user already could set traps for root: links of both kinds are not followed.
    Folders that are the user's own are not searched: there may be a million messages below.
    """
    if not user or os.getuid() != 0:
        return
    entry = pwd.getpwnam(user)
    for _, folders, files, fd in os.fwalk(folder):
        if os.fstat(fd).st_uid == 0:
            os.chown(fd, entry.pw_uid, entry.pw_gid)
        for name in files:
            found = os.stat(name, dir_fd=fd, follow_symlinks=False)
            if found.st_uid == 0 and found.st_nlink == 1:
                os.chown(name, entry.pw_uid, entry.pw_gid, dir_fd=fd, follow_symlinks=False)
        folders[:] = [each for each in folders if _is_roots(each, fd)]


def _is_roots(name: str, fd: int) -> bool:
    return os.stat(name, dir_fd=fd, follow_symlinks=False).st_uid == 0


def become(user: str) -> None:
    """Drop to `user` for good, with its groups. Does nothing for who is not root."""
    if user and os.getuid() == 0:
        entry = pwd.getpwnam(user)
        os.initgroups(user, entry.pw_gid)
        switchUID(entry.pw_uid, entry.pw_gid)
