"""The service of the queue: takes entries in, has them attempted, does what an operator asks.

New entries are tried at once; all others when they are due. `attempt_runner` makes the attempts,
`table` has the entries.
"""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from mailhost.concurrency.pauses import pauses_of
from mailhost.config.model import Queue
from mailhost.interfaces.events import IEventSink, Parked
from mailhost.interfaces.queue import IQueue
from mailhost.message.content import Content
from mailhost.message.envelope import Envelope
from mailhost.message.outcome import Outcome
from mailhost.message.status import Status
from mailhost.queue.active import ActiveEntry, Phase
from mailhost.queue.attempt import Attempts, QueueServices
from mailhost.queue.attempt_runner import AttemptRunner
from mailhost.queue.census import Census, census_of
from mailhost.queue.content_cache import ContentCache
from mailhost.queue.entry import Entry, EntryState, decode_entry, first_state
from mailhost.queue.intake import Intake
from mailhost.queue.reader import FolderReader
from mailhost.queue.schedule import Backoff, Timetable
from mailhost.queue.spool import FoundEntry, Spool
from mailhost.queue.table import EntryTable
from mailhost.queue.under_way import WorkUnderWay

_RELEASED: Mapping[str, Any] = MappingProxyType(
    {"held": False, "quarantine": "", "parked": "", "traceback": ""}
)
_NOT_STARTED = "the queue has not been started"


@dataclass(frozen=True, slots=True)
class View:
    """An entry as it is now. `next_attempt` is by the wall clock, None where it is not tried."""

    entry: Entry
    state: EntryState
    word: str
    next_attempt: float | None


@implementer(IQueue)
class QueueRunner:
    """`clock` sets timers, `wall` dates what is written, `steady` measures waits.

    The queue takes entries in from the beginning; they wait for `start`, which gives it the
    services for attempts. The handover, which is one of these, needs the queue itself.
    """

    def __init__(
        self,
        clock: IReactorTime,
        spool: Spool,
        events: IEventSink,
        *,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._clock = clock
        self._spool = spool
        self._events = events
        self._wall = wall
        self._backoff = Backoff(Queue(), chance)
        self._under_way = WorkUnderWay(clock, events)
        self._intake = Intake(spool, self._backoff, wall, events, self._is_known)
        self._reader = FolderReader(
            clock, spool, events, self._intake.knows, self._resume, self._under_way.track
        )
        self._timetable = Timetable(clock, steady, self._wake)
        self._table = EntryTable(spool, events, self._timetable, ContentCache(), wall, steady)
        self._attempts: AttemptRunner | None = None  # before `start`

    # --- service -------------------------------------------------------------------------------

    def start(self, services: QueueServices) -> Deferred[None]:
        """Read the folder and begin. The Deferred fires when all entries in it are known."""
        self._attempts = self._attempt_runner(services)
        self._timetable.start()
        return self._under_way.track(self._reader.load())

    def reconfigure(self, services: QueueServices) -> None:
        """Use these from now on; attempts and waits that are under way stay as they are. Raises
        ValueError before `start`."""
        if self._attempts is None:
            raise ValueError(_NOT_STARTED)
        self._use(services.settings)
        self._attempts.reconfigure(self._attempts_with(services), self._backoff)

    def _attempt_runner(self, services: QueueServices) -> AttemptRunner:
        self._use(services.settings)
        return AttemptRunner(
            self._table,
            self._under_way,
            self._events,
            self._wall,
            self._attempts_with(services),
            self._backoff,
        )

    def _use(self, settings: Queue) -> None:
        self._backoff = self._intake.backoff = replace(self._backoff, settings=settings)

    def _attempts_with(self, services: QueueServices) -> Attempts:
        pause = pauses_of(self._clock)
        cache = self._table.cache
        return Attempts(self._spool, services, self._events, self._wall, cache, pause)

    async def stop(self, patience: float) -> None:
        """Begin no further attempt; wait up to `patience` seconds for those under way, then cancel
        them. A cancelled attempt leaves its entry as it was, to be tried at the next start.
        """
        self._timetable.stop()
        self._reader.stop()
        await self._under_way.end(patience)

    def _resume(self, entries: Sequence[FoundEntry]) -> None:
        """Go on with entries that were read from the folder."""
        now = self._wall()
        for found in entries:
            if found.entry.id in self._table.entries:
                continue
            state = found.state
            if not state.stopped:
                waited = self._backoff.waited(state.waited, state.saved, now)
                state = replace(state, waited=waited)
            active = self._table.enter(found.entry, state, found.has_state)
            if found.damage:
                self._events.emit(Parked(found.entry.id, found.damage))
            self._schedule(active, self._backoff.left(state.due, now, state.attempts))
        self._begin()

    # --- taking in -----------------------------------------------------------------------------

    async def accept(
        self,
        envelope: Envelope,
        content: Content,
        identity: str,
        outcomes: Sequence[Outcome] = (),
        held: str = "",
    ) -> Status:
        status, found, _ = await self._intake.write(envelope, content, identity, outcomes, held)
        if status.ok:
            self.take(found, content)
        return status

    def take(self, found: FoundEntry, content: Content | None = None) -> None:
        """Begin with an entry that this or another process made durable a moment ago."""
        self._reader.announced(found.entry.id)
        if found.entry.id not in self._table.entries:
            active = self._table.enter(found.entry, found.state, found.has_state)
            if content is not None and not found.state.stopped:
                self._table.cache.keep(active.entry.id, content)
            self._schedule(active, max(found.state.due - self._wall(), 0.0))
            self._begin()

    def take_line(self, id: str, line: bytes, content: bytes | None) -> None:
        """Begin with an entry that another process made durable a moment ago: the line that lies
        in front of its content, and the content where it is small."""
        entry = decode_entry(line, id, None)
        found = FoundEntry(entry, first_state(entry), has_state=False)
        self.take(found, None if content is None else Content((content,)))

    def read(self, id: str) -> Coroutine[Any, Any, None]:
        """Read an entry that another process wrote."""
        return self._reader.read(id)

    def read_new(self) -> Coroutine[Any, Any, None]:
        """Read the entries of a process that died before it could announce them."""
        return self._reader.read_new()

    def _is_known(self, id: str) -> bool:
        return id in self._table.entries or id in self._reader.broken

    def _schedule(self, active: ActiveEntry, wait: float) -> None:
        """Have an entry tried in `wait` seconds, after `start` at the earliest."""
        if self._attempts is not None:
            self._attempts.schedule(active, wait)
        elif not active.state.stopped:
            self._timetable.put(active.entry.id, wait)

    def _begin(self) -> None:
        if self._attempts is not None:
            self._attempts.begin()

    def _wake(self, due: Sequence[str]) -> None:
        for id in due:
            if id in self._table.entries:
                self._schedule(self._table.entries[id], 0.0)
        self._begin()

    # --- commands of the operator --------------------------------------------------------------

    def wait_until_read(self, patience: float) -> Awaitable[bool]:
        """Wait up to `patience` seconds until all entries of the folder are known. True if they
        are."""
        return self._reader.wait_until_loaded(patience)

    def views(self) -> list[View]:
        """Every entry, oldest first."""
        return [self._view(active) for _, active in sorted(self._table.entries.items())]

    def ids(self) -> list[str]:
        """The ids of all entries, in no order."""
        return list(self._table.entries)

    def ids_of(self, identity: str) -> list[str]:
        """The ids of the entries of a message."""
        entries = self._table.entries.items()
        return [id for id, active in entries if active.entry.identity == identity]

    def census(self) -> Coroutine[Any, Any, Census]:
        """Count the entries by their states."""
        entries, broken = self._table.entries.values(), len(self._reader.broken)
        return census_of(entries, broken, pauses_of(self._clock))

    def view(self, id: str) -> View | None:
        """One entry as it is now."""
        active = self._table.entries.get(id)
        return None if active is None else self._view(active)

    def broken(self) -> Mapping[str, str]:
        """The ids of files that cannot be read, and why."""
        return self._reader.broken

    def header(self, id: str) -> Awaitable[bytes]:
        """The header section of an entry's message. Raises OSError, KeyError."""
        return self._spool.header(self._table.entries[id].entry)

    def retry(self, id: str) -> None:
        """Try an entry now, unless it is stopped. Hosts that could not be reached a moment ago are
        connected to again."""
        active = self._table.entries.get(id)
        if active is not None and self._attempts is not None:
            self._attempts.retry(active)

    async def hold(self, id: str) -> None:
        """Keep an entry back. An attempt under way goes on."""
        active = self._table.entries.get(id)
        if active is None:
            return
        self._table.count(active)
        active.state = replace(active.state, held=True)
        self._timetable.drop(id)
        await self._table.save(active)

    async def release(self, id: str) -> None:
        """Let a stopped entry go on, now; read a broken one again."""
        if id in self._reader.broken:
            await self._reader.read_again(id)
        active = self._table.entries.get(id)
        if active is None or not active.state.stopped:
            return
        self._table.count(active)
        active.state = replace(active.state, due=self._wall(), **_RELEASED)
        await self._table.save(active)
        self.retry(id)

    async def remove(self, id: str, bounce: bool = False) -> OSError | None:
        """Remove an entry, after a bounce to its sender where `bounce` says so."""
        if id in self._reader.broken:
            return await self._reader.remove(id)
        active = self._table.entries.get(id)
        if active is None:
            return None
        if bounce:
            if self._attempts is None:
                return OSError(_NOT_STARTED)
            error = await self._attempts.bounce(active)
            if error is not None:
                return error
        return await self._table.remove(active)

    def _view(self, active: ActiveEntry) -> View:
        state = active.state
        if state.stopped:
            return View(active.entry, state, _word(state), None)
        word = "running" if active.phase is Phase.RUNNING else "waiting"
        due = self._wall() + self._timetable.left(active.entry.id)
        return View(active.entry, state, word, due)


def _word(state: EntryState) -> str:
    """Why an entry is stopped."""
    if state.parked:
        return "parked"
    return "quarantined" if state.quarantine else "held"
