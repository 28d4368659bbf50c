"""Notices changes in directories by inotify(7), at little cost while many files are renamed.

Twisted's INotify calls back for each event: 20,000 times for new flags of 10,000 messages, while
the thread that renames the files waits for the interpreter lock. Here all events that wait are
read at once, each directory is reported once, and the next reading is PAUSE later. Systems without
inotify raise ImportError.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Any

from twisted.internet import inotify
from twisted.internet.interfaces import IDelayedCall
from twisted.python.filepath import FilePath

from mailhost.interfaces.reactor import IReactor

PAUSE = 0.05  # seconds between two readings
_BLOCK = 1 << 17  # octets read by one call
_MOST_BLOCKS = 32  # more than the kernel keeps, unless it goes on adding
_EVENT = struct.Struct("iIII")  # watch, mask, cookie, octets of the name that follows
_MASK = inotify.IN_MOVED_TO | inotify.IN_MOVED_FROM | inotify.IN_CREATE | inotify.IN_DELETE
_INotify: Any = inotify.INotify  # it has no types


class DirectoryEvents(_INotify):  # type: ignore[misc]
    """`changed` is called with the paths of directories in which files have appeared, vanished or
    got other names; `gone` with those that were removed, which are watched no more."""

    def __init__(
        self,
        reactor: IReactor,
        changed: Callable[[Collection[str]], None],
        gone: Callable[[str], None],
    ) -> None:
        """Raises INotifyError, OSError where the system has no more of them."""
        super().__init__(reactor)
        self._changed = changed
        self._gone = gone
        self._paths: dict[int, str] = {}
        self._pause: IDelayedCall | None = None
        self.startReading()

    def begin(self, path: str) -> None:
        """Watch a directory. Raises INotifyError, OSError where that cannot be done."""
        self._paths[self.watch(FilePath(path), _MASK)] = path

    def end(self, path: str) -> None:
        """Watch it no more."""
        for number in [number for number, each in self._paths.items() if each == path]:
            del self._paths[number]
        with suppress(KeyError, OSError):  # it is not watched, or is gone
            self.ignore(FilePath(path))

    def stop(self) -> None:
        """Close the descriptor."""
        if self._pause is not None and self._pause.active():
            self._pause.cancel()
        self.stopReading()
        self.loseConnection()

    def doRead(self) -> None:
        """Report what has changed, and read again after a pause."""
        self.stopReading()
        self._pause = self.reactor.callLater(PAUSE, self.startReading)
        masks = self._read()
        overflown = any(mask & inotify.IN_Q_OVERFLOW for mask in masks.values())
        numbers = self._paths.keys() if overflown else masks.keys() & self._paths.keys()
        paths = [self._paths[number] for number in numbers]
        lost = inotify.IN_DELETE_SELF | inotify.IN_IGNORED | inotify.IN_UNMOUNT
        gone = [self._paths[each] for each in numbers if masks.get(each, 0) & lost]
        self._changed(paths)
        for path in gone:
            self.end(path)
            self._gone(path)

    def _read(self) -> dict[int, int]:
        """Return what has happened, as masks by the numbers of the watches."""
        masks: dict[int, int] = {}
        for _ in range(_MOST_BLOCKS):
            try:
                octets = os.read(self.fileno(), _BLOCK)
            except BlockingIOError:
                break
            at = 0
            while at < len(octets):
                number, mask, _, size = _EVENT.unpack_from(octets, at)
                masks[number] = masks.get(number, 0) | mask
                at += _EVENT.size + size
        return masks
