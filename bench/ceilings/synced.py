"""Messages made durable as mailhost does without a log: they are written, synced and renamed, and
the folder is synced."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from pathlib import Path

from mailhost.durable.folders import FEWEST_FOR_SHARING
from mailhost.durable.system import OperatingSystem


class Synced:
    """The Maildir of one account below `folder`."""

    def __init__(self, folder: Path) -> None:
        self._system = OperatingSystem()
        self._tmp, self._new = folder / "user" / "tmp", folder / "user" / "new"
        for each in (self._tmp, self._new):
            each.mkdir(parents=True)
        self._numbers = count()

    def __call__(self, contents: Sequence[bytes]) -> None:
        """Make a batch durable. Many files share one sync of their file system, as in mailhost."""
        names = [str(next(self._numbers)) for _ in contents]
        fds = [self._system.create(str(self._tmp / name)) for name in names]
        for fd, content in zip(fds, contents, strict=True):
            self._system.write(fd, [content])
        if len(fds) >= FEWEST_FOR_SHARING:
            self._system.sync_file_system(fds[0])
        for fd in fds:
            if len(fds) < FEWEST_FOR_SHARING:
                self._system.sync(fd)
            self._system.close(fd)
        for name in names:
            self._system.rename(str(self._tmp / name), str(self._new / name))
        self._system.sync_folder(str(self._new))
