"""The table of all entries in memory, and the changes of their files.

An entry is known by its envelope and state; its content stays on disk.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mailhost.interfaces.events import Faulted, IEventSink
from mailhost.queue.active import ActiveEntry, Phase
from mailhost.queue.content_cache import ContentCache
from mailhost.queue.entry import Entry, EntryState
from mailhost.queue.schedule import Timetable
from mailhost.queue.spool import Spool


class EntryTable:
    """`entries` has the active entries by id. An entry that goes leaves `timetable` and `cache`.

    `wall` dates what is written, `steady` measures how long an entry waits.
    """

    def __init__(
        self,
        spool: Spool,
        events: IEventSink,
        timetable: Timetable,
        cache: ContentCache,
        wall: Callable[[], float],
        steady: Callable[[], float],
    ) -> None:
        self.entries: dict[str, ActiveEntry] = {}
        self.timetable = timetable
        self.cache = cache
        self._spool = spool
        self._events = events
        self._wall = wall
        self._steady = steady

    def enter(self, entry: Entry, state: EntryState, has_state: bool) -> ActiveEntry:
        """Add an entry whose message is durable."""
        active = ActiveEntry(entry, state, self._steady(), has_state=has_state)
        self.entries[entry.id] = active
        return active

    def count(self, active: ActiveEntry) -> None:
        """Bring the seconds that an entry has waited up to now."""
        active.count(self._steady())

    async def save(self, active: ActiveEntry) -> None:
        """Write the state. An error is logged; memory keeps the state for the next save."""
        await active.lock.acquire()
        try:
            if active.phase is Phase.GONE:
                return
            self.count(active)
            active.state = replace(active.state, saved=self._wall())
            active.has_state = True
            error = await self._spool.settle(active.entry.id, active.state)
        finally:
            active.lock.release()
        if error is not None:
            self._fault(active, f"its state cannot be written now: {error}")

    async def remove(self, active: ActiveEntry) -> OSError | None:
        """Remove the entry for good. An error is logged, and the entry stays."""
        await active.lock.acquire()
        try:
            error = await self._spool.remove(active.entry.id, active.has_state)
            if error is None:
                self.forget(active)
        finally:
            active.lock.release()
        if error is not None:
            self._fault(active, f"cannot be removed now: {error}")
        return error

    def forget(self, active: ActiveEntry) -> None:
        """Drop an entry whose message is gone from the disk."""
        if active.phase is not Phase.GONE:
            active.move(Phase.GONE)
            self.cache.take(active.entry.id)
            self.entries.pop(active.entry.id, None)
            self.timetable.drop(active.entry.id)

    def _fault(self, active: ActiveEntry, text: str) -> None:
        self._events.emit(Faulted("queue", f"{active.entry.id}: {text}"))
