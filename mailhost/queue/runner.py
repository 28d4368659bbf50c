"""The queue at work: takes entries in, begins attempts that are due, writes down their results.

Every entry is known in memory by its envelope and state; its content stays on disk. New entries
are tried at once. At most `settings.concurrency` attempts run at a time, shared fairly between
destinations. An entry for which our own code raises an exception is parked; the others go on.

The order of one attempt keeps mail safe. Its outcomes are noted in memory; then a bounce is handed
over; then the recipients are written down as settled. A crash before that sends a bounce twice, and
never loses one. A report that cannot be handed over is owed: the next attempt sends it, without
carrying the message again.
"""

from __future__ import annotations

import random
import time
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mailhost.concurrency.pauses import pauses_of
from mailhost.config.model import Queue
from mailhost.interfaces.events import Faulted, IEventSink, Parked
from mailhost.interfaces.queue import IQueue, ITransport, Lanes
from mailhost.interfaces.reception import IHandover
from mailhost.message.content import Content
from mailhost.message.envelope import Envelope
from mailhost.message.outcome import Outcome
from mailhost.message.status import Status
from mailhost.queue.active import NO_LANES, ActiveEntry, Phase
from mailhost.queue.attempt import Attempts
from mailhost.queue.content_cache import ContentCache
from mailhost.queue.entry import Entry, State, decode_entry, first_state
from mailhost.queue.fair_schedule import FairSchedule
from mailhost.queue.intake import Intake
from mailhost.queue.reader import FolderReader
from mailhost.queue.reports import Reports, wanted
from mailhost.queue.schedule import Backoff, Timetable
from mailhost.queue.spool import Found, Spool

LAST_WORDS = 2.0  # seconds that cancelled work may take to end
_RELEASED: Mapping[str, Any] = MappingProxyType(
    {"held": False, "quarantine": "", "parked": "", "traceback": ""}
)


@dataclass(frozen=True, slots=True)
class View:
    """An entry as it is now. `next_attempt` is by the wall clock, None where it is not tried."""

    entry: Entry
    state: State
    word: str
    next_attempt: float | None


@implementer(IQueue)
class QueueRunner:
    """The service. `clock` sets timers, `wall` dates what is written, `steady` measures waits.

    `reconfigure` gives it its settings, transport and reports: before `start`, and at each reload.
    """

    _log = Logger()
    _attempts: Attempts

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
        self._steady = steady
        self._backoff = Backoff(Queue(), chance)
        self._cache = ContentCache()
        self._intake = Intake(spool, self._backoff, wall, events, self._is_known)
        self._reader = FolderReader(
            clock, spool, events, self._intake.knows, self._resume, self._track
        )
        self._active: dict[str, ActiveEntry] = {}
        self._timetable = Timetable(clock, steady, self._wake)
        self._fair = FairSchedule(self._backoff.settings.concurrency)
        self._beginning = False
        self._working = False
        self._under_way: set[Deferred[None]] = set()

    # --- service -------------------------------------------------------------------------------

    def start(self) -> Deferred[None]:
        """Read the folder and begin. The Deferred fires when all entries in it are known."""
        self._working = True
        self._timetable.start()
        self._begin_attempts()
        return self._track(self._reader.load())

    async def stop(self, patience: float) -> None:
        """Begin no further attempt; wait up to `patience` seconds for those under way, then cancel
        them. A cancelled attempt leaves its entry as it was, to be tried at the next start.
        """
        self._working = False
        self._timetable.stop()
        self._reader.stop()
        if self._under_way:
            await self._wind_down(patience)

    async def _wind_down(self, patience: float) -> None:
        over: Deferred[None] = Deferred()

        def ended(_: object) -> None:
            if not over.called:
                over.callback(None)

        timers = [
            self._clock.callLater(patience, self._cancel_all),
            self._clock.callLater(patience + LAST_WORDS, ended, None),
        ]
        DeferredList(list(self._under_way)).addCallback(ended)
        await over
        for timer in timers:
            if timer.active():
                timer.cancel()

    def _cancel_all(self) -> None:
        for work in list(self._under_way):
            work.cancel()

    def reconfigure(
        self, settings: Queue, transport: ITransport, reports: Reports, handover: IHandover
    ) -> None:
        """Use these from now on; attempts and waits that are under way stay as they are.

        To be called before `start`, and at each reload.
        """
        self._attempts = Attempts(
            self._spool,
            transport,
            reports,
            handover,
            self._events,
            self._wall,
            self._cache,
            pauses_of(self._clock),
        )
        self._backoff = self._intake.backoff = replace(self._backoff, settings=settings)
        self._fair.places = settings.concurrency
        self._begin_attempts()

    def _resume(self, entries: Sequence[Found]) -> None:
        """Go on with entries that were read from the folder."""
        now = self._wall()
        for found in entries:
            if found.entry.id in self._active:
                continue
            state = found.state
            if not state.stopped:
                waited = self._backoff.waited(state.waited, state.saved, now)
                state = replace(state, waited=waited)
            active = self._enter(found.entry, state, found.has_state)
            if found.damage:
                self._events.emit(Parked(found.entry.id, found.damage))
            self._schedule(active, self._backoff.left(state.due, now, state.attempts))
        self._begin_attempts()

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

    def take(self, found: Found, content: Content | None = None) -> None:
        """Begin with an entry that this or another process made durable a moment ago."""
        self._reader.announced(found.entry.id)
        if found.entry.id not in self._active:
            active = self._enter(found.entry, found.state, found.has_state)
            if content is not None and not found.state.stopped:
                self._cache.keep(active.entry.id, content)
            self._schedule(active, max(found.state.due - self._wall(), 0.0))
            self._begin_attempts()

    def take_line(self, id: str, line: bytes, content: bytes | None) -> None:
        """Begin with an entry that another process made durable a moment ago: the line that lies
        in front of its content, and the content where it is small."""
        entry = decode_entry(line, id, None)
        found = Found(entry, first_state(entry), has_state=False)
        self.take(found, None if content is None else Content((content,)))

    def look(self, id: str) -> Coroutine[Any, Any, None]:
        """Read an entry that another process wrote."""
        return self._reader.look(id)

    def look_around(self) -> Coroutine[Any, Any, None]:
        """Read the entries of a process that died before it could announce them."""
        return self._reader.look_around()

    def _is_known(self, id: str) -> bool:
        return id in self._active or id in self._reader.broken

    def _enter(self, entry: Entry, state: State, has_state: bool) -> ActiveEntry:
        active = ActiveEntry(entry, state, self._steady(), has_state=has_state)
        self._active[entry.id] = active
        return active

    # --- attempts ------------------------------------------------------------------------------

    def _schedule(self, active: ActiveEntry, wait: float) -> None:
        """Have an entry tried in `wait` seconds, unless it is stopped or has its turn before."""
        if active.phase is not Phase.WAITING or active.state.stopped:
            return
        if wait > 0:
            self._timetable.put(active.entry.id, wait)
            return
        self._timetable.drop(active.entry.id)
        active.move(Phase.READY)
        self._group(active)

    def _group(self, active: ActiveEntry) -> None:
        """Group an entry's recipients into lanes, and have it wait for its turn."""
        try:
            lanes = self._attempts.lanes(active.entry, active.state)
        except Exception as bug:  # noqa: BLE001 - the entry is parked with it, the others go on
            self._track(self._park_ready(active, bug))
            return
        if isinstance(lanes, Lanes):
            self._wait_for_turn(active, lanes)
        else:
            self._track(self._group_many(active, lanes))

    async def _group_many(self, active: ActiveEntry, grouping: Awaitable[Lanes]) -> None:
        try:
            lanes = await grouping
        except Exception as bug:  # noqa: BLE001 - the entry is parked with it, the others go on
            if not self._is_cancelled(bug):
                await self._park_ready(active, bug)
            return
        self._wait_for_turn(active, lanes)
        self._begin_attempts()

    def _wait_for_turn(self, active: ActiveEntry, lanes: Lanes) -> None:
        active.lanes = lanes
        self._fair.add(active.entry.id, lanes.line, active.state.attempts == 0)

    def _wake(self, due: Sequence[str]) -> None:
        for id in due:
            if id in self._active:
                self._schedule(self._active[id], 0.0)
        self._begin_attempts()

    def _begin_attempts(self) -> None:
        """Begin attempts while there are places. Never entered twice, however attempts end."""
        if self._beginning:
            return
        self._beginning = True
        while self._working and (turn := self._fair.take()):
            id, line = turn
            active = self._active.get(id)
            if active is None or active.phase is not Phase.READY:
                self._fair.done(line, None)
            elif active.state.stopped:
                active.move(Phase.WAITING)
                self._fair.done(line, None)
            else:
                active.move(Phase.RUNNING)
                self._track(self._attempt(active, line))
        self._beginning = False

    async def _attempt(self, active: ActiveEntry, line: str) -> None:
        answered: bool | None = None
        try:
            answered = await self._carry(active)
        except Exception as bug:  # noqa: BLE001 - the entry is parked with it, the others go on
            if not self._is_cancelled(bug):
                await self._park(active, bug)
        finally:
            self._fair.done(line, answered)
            if active.phase is not Phase.GONE:
                active.move(Phase.WAITING)
                self._schedule(active, active.wait)
            self._begin_attempts()

    async def _carry(self, active: ActiveEntry) -> bool:
        """Make one attempt and write down its result. True if a host answered.

        An exception is a bug; what was delivered until then is known in `active.state`.
        """
        active.wait = self._backoff.wait(max(active.state.attempts, 1))
        lanes, active.lanes = active.lanes, NO_LANES
        result = await self._attempts.carry(active.entry, active.state, lanes)
        if result.lost:
            self._forget(active)
        if result.outcomes:
            self._note(active, result.outcomes)
        if result.bug is not None:
            if result.outcomes:
                await self._save(active)
            raise result.bug
        if result.content is not None and active.phase is not Phase.GONE:
            await self._report(active, result.content)
            await self._write(active)
        return result.answered

    def _note(self, active: ActiveEntry, outcomes: Sequence[Outcome]) -> None:
        """Take the outcomes of an attempt into the state, expired deferrals as failures."""
        active.count(self._steady())
        entry, waited = active.entry, active.state.waited
        if waited >= self._backoff.settings.expire_after:
            outcomes = [self._attempts.given_up(entry, each, waited) for each in outcomes]
        owed = [wanted(entry.envelope, each) for each in outcomes]
        active.state = active.state.with_outcomes(outcomes, owed)

    async def _report(self, active: ActiveEntry, content: Content) -> None:
        result = await self._attempts.report(
            active.entry, active.state, content, self._backoff.settings
        )
        if result.settled:
            warned = active.state.warned or result.warned
            active.state = replace(active.state.reported(), warned=warned)

    async def _write(self, active: ActiveEntry) -> None:
        """Remove the entry where all is done, else set its next attempt."""
        if active.state.settled and await self._remove(active) is None:
            return
        now, attempts = self._wall(), active.state.attempts + 1
        active.wait = self._backoff.wait(attempts)
        due = now + active.wait
        active.state = replace(active.state, attempts=attempts, last_attempt=now, due=due)
        await self._save(active)

    async def _park_ready(self, active: ActiveEntry, bug: Exception) -> None:
        """Park an entry whose recipients could not be grouped."""
        if active.phase is Phase.READY:
            active.move(Phase.WAITING)
            await self._park(active, bug)

    async def _park(self, active: ActiveEntry, bug: Exception) -> None:
        """Keep an entry for which our own code raised an exception, and report it once."""
        reason = f"{type(bug).__name__}: {bug}"
        trace = "".join(traceback.format_exception(bug))
        active.count(self._steady())
        active.state = replace(active.state, parked=reason, traceback=trace)
        self._events.emit(Parked(active.entry.id, reason))
        await self._save(active)
        await self._attempts.alarm(active.entry, reason)

    # --- files ---------------------------------------------------------------------------------

    async def _save(self, active: ActiveEntry) -> None:
        """Write the state. An error is logged; memory keeps the state for the next save."""
        await active.lock.acquire()
        try:
            if active.phase is Phase.GONE:
                return
            active.count(self._steady())
            active.state = replace(active.state, saved=self._wall())
            active.has_state = True
            error = await self._spool.settle(active.entry.id, active.state)
        finally:
            active.lock.release()
        if error is not None:
            self._fault(active, f"its state cannot be written now: {error}")

    async def _remove(self, active: ActiveEntry) -> OSError | None:
        """Remove the entry for good. An error is logged, and the entry stays."""
        await active.lock.acquire()
        try:
            error = await self._spool.remove(active.entry.id, active.has_state)
            if error is None:
                self._forget(active)
        finally:
            active.lock.release()
        if error is not None:
            self._fault(active, f"cannot be removed now: {error}")
        return error

    def _forget(self, active: ActiveEntry) -> None:
        if active.phase is not Phase.GONE:
            active.move(Phase.GONE)
            self._cache.take(active.entry.id)
            self._active.pop(active.entry.id, None)
            self._timetable.drop(active.entry.id)

    def _fault(self, active: ActiveEntry, text: str) -> None:
        self._events.emit(Faulted("queue", f"{active.entry.id}: {text}"))

    def _is_cancelled(self, bug: BaseException | None) -> bool:
        """True for work that `stop` cancelled."""
        return isinstance(bug, CancelledError) and not self._working

    def _track(self, work: Coroutine[Any, Any, None]) -> Deferred[None]:
        done = Deferred.fromCoroutine(work)
        self._under_way.add(done)
        done.addErrback(self._fell)
        done.addBoth(lambda _: self._under_way.discard(done))
        return done

    def _fell(self, failure: Failure) -> None:
        if not self._is_cancelled(failure.value):
            self._log.failure("the queue has a bug", failure)
            self._events.emit(Faulted("queue", f"a bug: {failure.getErrorMessage()}"))

    # --- commands of the operator --------------------------------------------------------------

    def views(self) -> list[View]:
        """Every entry, oldest first."""
        return [self._view(active) for _, active in sorted(self._active.items())]

    def view(self, id: str) -> View | None:
        """One entry as it is now."""
        active = self._active.get(id)
        return None if active is None else self._view(active)

    def broken(self) -> Mapping[str, str]:
        """The ids of files that cannot be read, and why."""
        return self._reader.broken

    def header(self, id: str) -> Awaitable[bytes]:
        """The header section of an entry's message. Raises OSError, KeyError."""
        return self._spool.header(self._active[id].entry)

    def retry(self, id: str) -> None:
        """Try an entry now, unless it is stopped."""
        if id in self._active:
            self._schedule(self._active[id], 0.0)
            self._begin_attempts()

    async def hold(self, id: str) -> None:
        """Keep an entry back. An attempt under way goes on."""
        active = self._active.get(id)
        if active is None:
            return
        active.count(self._steady())
        active.state = replace(active.state, held=True)
        self._timetable.drop(id)
        await self._save(active)

    async def release(self, id: str) -> None:
        """Let a stopped entry go on, now; read a broken one again."""
        if id in self._reader.broken:
            await self._reader.read_again(id)
        active = self._active.get(id)
        if active is None or not active.state.stopped:
            return
        active.count(self._steady())
        active.state = replace(active.state, due=self._wall(), **_RELEASED)
        await self._save(active)
        self.retry(id)

    async def remove(self, id: str, bounce: bool = False) -> OSError | None:
        """Remove an entry, after a bounce to its sender where `bounce` says so."""
        if id in self._reader.broken:
            return await self._reader.remove(id)
        active = self._active.get(id)
        if active is None:
            return None
        if bounce:
            error = await self._attempts.bounce(active.entry, active.state)
            if error is not None:
                return error
        return await self._remove(active)

    def _view(self, active: ActiveEntry) -> View:
        state = active.state
        if state.stopped:
            return View(active.entry, state, _word(state), None)
        word = "running" if active.phase is Phase.RUNNING else "waiting"
        due = self._wall() + self._timetable.left(active.entry.id)
        return View(active.entry, state, word, due)


def _word(state: State) -> str:
    """Why an entry is stopped."""
    if state.parked:
        return "parked"
    return "quarantined" if state.quarantine else "held"
