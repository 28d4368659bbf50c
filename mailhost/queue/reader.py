"""Reads entries from the queue's folder: all of them at start, later those that other processes
wrote, and those that could not be read before.

A folder or a file that cannot be read now is read again every minute.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import deferLater

from mailhost.interfaces.events import Faulted, IEventSink, Parked
from mailhost.queue.spool import FoundEntry, ReadingResult, Spool, UnreadableEntry

READ_AGAIN_AFTER = 60.0  # seconds after which a folder or file that could not be read is read again

LOADING_POLL = 0.1  # seconds between two looks whether all entries were read


class FolderReader:
    """`knows` says whether an id is in use. `found` is called with entries that were read, some at
    a time. `track` runs a coroutine that ends with the queue."""

    def __init__(
        self,
        clock: IReactorTime,
        spool: Spool,
        events: IEventSink,
        knows: Callable[[str], bool],
        found: Callable[[Sequence[FoundEntry]], None],
        track: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        self._clock = clock
        self._spool = spool
        self._events = events
        self._knows = knows
        self._found = found
        self._track = track
        self._reading: set[str] = set()  # ids, unless `announced` meanwhile
        self._broken: dict[str, str] = {}
        self._unread: set[str] = set()  # those of them that may be whole
        self._timer: IDelayedCall | None = None
        self._working = False
        self._loaded = False

    @property
    def broken(self) -> Mapping[str, str]:
        """The ids of files that cannot be read, and why."""
        return self._broken

    async def load(self) -> None:
        """Read all entries that lay in the folder at start."""
        self._working = True
        while self._working:
            try:
                await self._spool.scan(self._take)
            except OSError as error:
                await self._folder_fails(error)
            else:
                self._loaded = True
                return

    async def wait_until_loaded(self, patience: float) -> bool:
        """Wait up to `patience` seconds for the end of `load`. True if it has ended."""
        end = self._clock.seconds() + patience
        while not self._loaded and self._clock.seconds() < end:
            await deferLater(self._clock, LOADING_POLL)
        return self._loaded

    def stop(self) -> None:
        """Read nothing again by itself."""
        self._working = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def announced(self, id: str) -> None:
        """Another process handed over the entry: it need not be read."""
        self._reading.discard(id)

    async def read(self, id: str) -> None:
        """Read an entry that another process wrote, unless it is known already."""
        if self._knows(id) or id in self._reading:
            return
        self._reading.add(id)
        try:
            result = await self._spool.read(id)
            if result is not None and id in self._reading:
                self._take([result])
        finally:
            self._reading.discard(id)

    async def read_new(self) -> None:
        """Read the entries of a process that died before it could announce them."""
        for id in await self._ids():
            await self.read(id)

    async def read_again(self, id: str) -> None:
        """Read an entry that could not be read."""
        result = await self._spool.read(id)
        if not isinstance(result, UnreadableEntry):
            self._broken.pop(id, None)
        if result is not None:
            self._take([result])

    async def remove(self, id: str) -> OSError | None:
        """Remove an entry that cannot be read. None where it is gone."""
        error = await self._spool.remove(id, has_state=True)
        if error is None:
            self._broken.pop(id, None)
        return error

    async def _ids(self) -> Sequence[str]:
        """Return the ids of all entries in the folder, once it can be read."""
        while True:
            try:
                return await self._spool.ids()
            except OSError as error:
                await self._folder_fails(error)

    async def _folder_fails(self, error: OSError) -> None:
        self._events.emit(Faulted("queue", f"the folder cannot be read now: {error}"))
        await deferLater(self._clock, READ_AGAIN_AFTER)

    def _take(self, results: Sequence[ReadingResult]) -> None:
        whole = []
        for result in results:
            if isinstance(result, FoundEntry):
                whole.append(result)
            else:
                self._cannot_read(result)
        self._found(whole)

    def _cannot_read(self, broken: UnreadableEntry) -> None:
        if broken.id not in self._broken:
            self._events.emit(Parked(broken.id, broken.reason))
        self._broken[broken.id] = broken.reason
        if broken.passing:
            self._unread.add(broken.id)
            if self._timer is None and self._working:
                self._timer = self._clock.callLater(READ_AGAIN_AFTER, self._retry)

    def _retry(self) -> None:
        self._timer = None
        unread, self._unread = self._unread, set()
        self._track(self._read_all_again(sorted(unread & self._broken.keys())))

    async def _read_all_again(self, ids: Sequence[str]) -> None:
        for id in ids:
            await self.read_again(id)
