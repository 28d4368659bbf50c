"""From root to the user who serves: once the low ports are open, nothing more is done as root."""

from __future__ import annotations

import os
import pwd

from twisted.python.util import switchUID


def make_folder(path: str) -> None:
    """Make `path` for its owner alone where it is missing. Raises OSError."""
    os.makedirs(path, mode=0o700, exist_ok=True)


def give(user: str, folder: str) -> None:
    """Give `folder`, and what root made in it before it became `user`, to that user."""
    if not user or os.getuid() != 0:
        return
    entry = pwd.getpwnam(user)
    for path, _, files in os.walk(folder):
        for name in (path, *(os.path.join(path, file) for file in files)):
            if os.stat(name).st_uid == 0:
                os.chown(name, entry.pw_uid, entry.pw_gid)


def become(user: str) -> None:
    """Drop to `user` for good, with its groups. Does nothing for who is not root."""
    if user and os.getuid() == 0:
        entry = pwd.getpwnam(user)
        os.initgroups(user, entry.pw_gid)
        switchUID(entry.pw_uid, entry.pw_gid)
