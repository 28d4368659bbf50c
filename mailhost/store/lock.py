"""A lock that holds between processes and ends with the process that has it."""

from __future__ import annotations

import fcntl
import os

from zope.interface import implementer

from mailhost.interfaces.store import ILock


@implementer(ILock)
class FileLock:
    """An open file with flock(2) on it."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def release(self) -> None:
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)

    def __del__(self) -> None:
        self.release()


def try_lock(path: str) -> FileLock | None:
    """Lock the file at `path`, made where it is missing; None where another process, or another
    session of this one, has the lock. A symbolic link at `path` is an error.

    Blocks for the disk only. Raises OSError.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    except OSError:
        os.close(fd)
        raise
    return FileLock(fd)
