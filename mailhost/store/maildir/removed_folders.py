"""The directories of folders that a client has removed.

A folder is first renamed to `mailhost-removed-PID-SECONDS` in the account's Maildir, which no
reader takes for a folder, and then deleted with its messages. If the
process is killed meanwhile, the rest is deleted later. Everything blocks.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress

_PREFIX = "mailhost-removed-"
LEFT = 3600.0  # seconds after which no process works on a removed folder


def removed_path(account: str, seconds: float) -> str:
    """Return the path that a folder gets when it is removed at that time, in seconds since 1970.
    `account` is the path of the account's Maildir."""
    return os.path.join(account, f"{_PREFIX}{os.getpid()}-{seconds:.6f}")


def delete_left(account: str, now: float) -> None:
    """Delete the removed folders that dead processes left. Files that cannot be deleted stay."""
    with suppress(OSError):
        for name in os.listdir(account):
            if name.startswith(_PREFIX) and _removed_at(name) < now - LEFT:
                shutil.rmtree(os.path.join(account, name), ignore_errors=True)


def _removed_at(name: str) -> float:
    try:
        return float(name.rpartition("-")[2])
    except ValueError:
        return float("inf")
