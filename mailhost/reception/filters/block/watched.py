"""A list in a file, which is read at the start, and again when the file changes.

While the file is missing or has a fault, the list stays as it was; the fault is logged once.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from mailhost.concurrency.threads import InThread
from mailhost.config.lists import BadEntry, entries_of
from mailhost.interfaces.events import Faulted, IEventSink, Notice

T = TypeVar("T")
CHECK_INTERVAL = 5.0  # seconds between two checks of the file


class WatchedList(Generic[T]):
    """The list that `make` makes of `entries` and of the entries in the file at `path`.

    `path` is None for a list without a file. Reads the file: blocks; raises OSError, BadEntry.
    """

    def __init__(
        self,
        entries: Sequence[str],
        path: str | None,
        make: Callable[[Iterable[str]], T],
        clock: IReactorTime,
        in_thread: InThread,
        events: IEventSink,
    ) -> None:
        self._entries = entries
        self._path = path
        self._make = make
        self._clock = clock
        self._in_thread = in_thread
        self._events = events
        self._checked_at = clock.seconds()
        self._state_read: object = None
        self._last_fault = ""
        self._list = self._read() if path else make(entries)

    @property
    def current(self) -> T:
        """The list. At most every CHECK_INTERVAL this starts a check of the file in a thread."""
        if self._path and self._clock.seconds() - self._checked_at >= CHECK_INTERVAL:
            self._checked_at = self._clock.seconds()
            Deferred.fromCoroutine(self.check())
        return self._list

    async def check(self) -> None:
        """Read the file if it has changed."""
        try:
            changed = await self._in_thread(self._read_if_changed)
        except (OSError, BadEntry) as error:
            if str(error) != self._last_fault:
                text = f"{error}; the list stays as it was"
                self._events.emit(Faulted(f"list {self._path}", text))
            self._last_fault = str(error)
            return
        self._last_fault = ""
        if changed is not None:
            self._list = changed
            self._events.emit(Notice(f"list {self._path} read again"))

    def _read_if_changed(self) -> T | None:
        return self._read() if self._state() != self._state_read else None

    def _read(self) -> T:
        assert self._path is not None
        state = self._state()
        with open(self._path, encoding="utf-8", errors="replace") as file:
            found = self._make([*self._entries, *entries_of(file.read())])
        self._state_read = state
        return found

    def _state(self) -> object:
        assert self._path is not None
        found = os.stat(self._path)
        return found.st_mtime_ns, found.st_size, found.st_ino
