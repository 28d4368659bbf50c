"""A list in a file: read at the start, and again when the file changes.

A file that went away or has a fault leaves the list as it was, and is logged once.
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
EVERY = 5.0  # seconds between looks at the file


class Watched(Generic[T]):
    """The list that `make` makes of `entries` and of those in the file at `path`, None for no file.

    Reads the file at once. Raises OSError, BadEntry.
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
        self._looked = clock.seconds()
        self._seen: object = None
        self._trouble = ""
        self._list = self._read() if path else make(entries)

    @property
    def now(self) -> T:
        """The list as far as it is known; the file is looked at meanwhile, now and then."""
        if self._path and self._clock.seconds() - self._looked >= EVERY:
            self._looked = self._clock.seconds()
            Deferred.fromCoroutine(self.look_again())
        return self._list

    async def look_again(self) -> None:
        """Read the file where it changed."""
        try:
            changed = await self._in_thread(self._read_if_changed)
        except (OSError, BadEntry) as error:
            if str(error) != self._trouble:
                text = f"{error}; the list stays as it was"
                self._events.emit(Faulted(f"list {self._path}", text))
            self._trouble = str(error)
            return
        self._trouble = ""
        if changed is not None:
            self._list = changed
            self._events.emit(Notice(f"list {self._path} read again"))

    def _read_if_changed(self) -> T | None:
        return self._read() if self._state() != self._seen else None

    def _read(self) -> T:
        assert self._path is not None
        seen = self._state()
        with open(self._path, encoding="utf-8", errors="replace") as file:
            found = self._make([*self._entries, *entries_of(file.read())])
        self._seen = seen
        return found

    def _state(self) -> object:
        assert self._path is not None
        found = os.stat(self._path)
        return found.st_mtime_ns, found.st_size, found.st_ino
