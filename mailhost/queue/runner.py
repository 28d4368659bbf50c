"""The queue at work: takes entries in, leases those that are due, tries them, sets the next time.

Every entry is known in memory by its envelope and state; its content stays on disk. New entries
are tried at once. At most `settings.concurrency` attempts run at a time, shared fairly between
destinations. An entry that makes our own code raise is parked, and the others go on.
"""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mailhost.config.model import Queue
from mailhost.interfaces.events import Faulted, IEventSink, Parked
from mailhost.interfaces.queue import IQueue, ITransport
from mailhost.message.content import Content
from mailhost.message.envelope import Envelope
from mailhost.message.outcome import Outcome
from mailhost.message.status import Status
from mailhost.queue.attempt import ActiveEntry, Attempts
from mailhost.queue.content_cache import ContentCache
from mailhost.queue.entry import Entry, State, decode_entry, first_state
from mailhost.queue.fair_schedule import FairSchedule
from mailhost.queue.intake import Intake
from mailhost.queue.reports import Reports
from mailhost.queue.schedule import Agenda, Backoff
from mailhost.queue.spool import Broken, Finding, Found, Spool

LONGEST_SLEEP = 60.0  # seconds; a timer that a jumping clock misled is made up for after that
_GOING: Mapping[str, Any] = MappingProxyType(
    {"held": False, "quarantine": "", "parked": "", "traceback": ""}
)
LAST_WORDS = 2.0  # seconds that what is broken off may take to end


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
        self._intake = Intake(spool, self._backoff, wall, events, self._taken)
        self._looked_for: set[str] = set()  # ids being read, unless they were told meanwhile
        self._live: dict[str, ActiveEntry] = {}
        self._broken: dict[str, str] = {}
        self._unread: set[str] = set()  # those of them that may be whole
        self._reading: IDelayedCall | None = None
        self._agenda = Agenda()
        self._fair = FairSchedule(self._backoff.settings.concurrency)
        self._turning = False
        self._timer: IDelayedCall | None = None
        self._working = False
        self._under_way: set[Deferred[None]] = set()

    # --- service -------------------------------------------------------------------------------

    def start(self) -> Deferred[None]:
        """Read the folder and begin. The Deferred fires when all that was there is known."""
        self._working = True
        self._turn()
        return self._track(self._load())

    async def stop(self, patience: float) -> None:
        """Begin nothing new; wait up to `patience` seconds for what runs, then break it off.

        What is broken off stays as it was and is tried at the next start.
        """
        self._working = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None
        if self._under_way:
            await self._wind_down(patience)

    async def _wind_down(self, patience: float) -> None:
        over: Deferred[None] = Deferred()

        def ended(_: object) -> None:
            if not over.called:
                over.callback(None)

        timers = [
            self._clock.callLater(patience, self._break_off),
            self._clock.callLater(patience + LAST_WORDS, ended, None),
        ]
        DeferredList(list(self._under_way)).addCallback(ended)
        await over
        for timer in timers:
            if timer.active():
                timer.cancel()

    def _break_off(self) -> None:
        for work in list(self._under_way):
            work.cancel()

    def reconfigure(self, settings: Queue, transport: ITransport, reports: Reports) -> None:
        """Use these from now on; attempts and waits that are under way stay as they are.

        To be called before `start`, and at each reload.
        """
        self._attempts = Attempts(
            self._spool,
            transport,
            reports,
            self._events,
            self._wall,
            self._steady,
            self._cache,
        )
        self._backoff = self._intake.backoff = replace(self._backoff, settings=settings)
        self._fair.places = settings.concurrency
        self._turn()

    async def _load(self) -> None:
        while self._working:
            try:
                return await self._spool.scan(self._found)
            except OSError as error:
                self._events.emit(Faulted("queue", f"the folder cannot be read now: {error}"))
                await deferLater(self._clock, LONGEST_SLEEP)

    def _found(self, findings: Sequence[Finding]) -> None:
        for found in findings:
            if isinstance(found, Broken):
                self._cannot_read(found)
            elif found.entry.id not in self._live:
                state, now = found.state, self._wall()
                waited = state.waited
                if not state.stopped:
                    waited = self._backoff.waited(waited, state.saved, now)
                live = self._enter(found.entry, replace(state, waited=waited), found.has_state)
                if found.damage:
                    self._events.emit(Parked(found.entry.id, found.damage))
                self._schedule(live, self._backoff.left(state.due, now, state.attempts))
        self._turn()

    def _cannot_read(self, found: Broken) -> None:
        if found.id not in self._broken:
            self._events.emit(Parked(found.id, found.reason))
        self._broken[found.id] = found.reason
        if found.passing:
            self._unread.add(found.id)
            if self._reading is None and self._working:
                self._reading = self._clock.callLater(LONGEST_SLEEP, self._read_later)

    def _read_later(self) -> None:
        self._reading = None
        unread, self._unread = self._unread, set()
        self._track(self._read_all_again(sorted(unread & self._broken.keys())))

    async def _read_all_again(self, ids: Sequence[str]) -> None:
        for id in ids:
            found = await self._spool.look(id)
            if not isinstance(found, Broken):
                self._broken.pop(id, None)
            if found is not None:
                self._found([found])

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
        """Begin with an entry that was made durable a moment ago, by whatever process."""
        self._looked_for.discard(found.entry.id)
        if found.entry.id not in self._live:
            live = self._enter(found.entry, found.state, found.has_state)
            if content is not None and not found.state.stopped:
                self._cache.keep(live.entry.id, content)
            self._schedule(live, max(found.state.due - self._wall(), 0.0))
            self._turn()

    def take_line(self, id: str, line: bytes, content: bytes | None) -> None:
        """Begin with an entry that another process made durable a moment ago: the line that lies
        in front of its content, and the content where it is small."""
        entry = decode_entry(line, id, None)
        found = Found(entry, first_state(entry), has_state=False)
        self.take(found, None if content is None else Content((content,)))

    async def look(self, id: str) -> None:
        """Read an entry that another process wrote."""
        if self._intake.knows(id) or id in self._looked_for:
            return
        self._looked_for.add(id)
        try:
            found = await self._spool.look(id)
            if found is not None and id in self._looked_for:
                self._found([found])
        finally:
            self._looked_for.discard(id)

    async def look_around(self) -> None:
        """Find what a process wrote that died before it could tell."""
        for id in await self._ids():
            await self.look(id)

    async def _ids(self) -> Sequence[str]:
        """What lies in the folder, once it can be read."""
        while True:
            try:
                return await self._spool.ids()
            except OSError as error:
                self._events.emit(Faulted("queue", f"the folder cannot be read now: {error}"))
            await deferLater(self._clock, LONGEST_SLEEP)

    def _taken(self, id: str) -> bool:
        return id in self._live or id in self._broken

    def _enter(self, entry: Entry, state: State, has_state: bool) -> ActiveEntry:
        live = ActiveEntry(entry, state, self._steady(), has_state=has_state)
        self._live[entry.id] = live
        return live

    # --- leasing -------------------------------------------------------------------------------

    def _schedule(self, live: ActiveEntry, wait: float) -> None:
        """Have an entry tried in `wait` seconds, unless it is stopped or gone."""
        if live.gone or live.state.stopped or live.ready or live.running:
            return
        if wait > 0:
            self._agenda.put(live.entry.id, self._steady() + wait)
            self._set_timer()
            return
        self._agenda.drop(live.entry.id)
        live.ready = True
        self._fair.add(live.entry.id, live.destination, live.state.attempts == 0)

    def _set_timer(self) -> None:
        first = self._agenda.first()
        if first is None or not self._working:
            return
        sleep = min(max(first - self._steady(), 0.0), LONGEST_SLEEP)
        if self._timer is not None:
            if self._timer.getTime() <= self._clock.seconds() + sleep:
                return
            self._timer.cancel()
        self._timer = self._clock.callLater(sleep, self._wake)

    def _wake(self) -> None:
        self._timer = None
        for id in self._agenda.take(self._steady()):
            if id in self._live:
                self._schedule(self._live[id], 0.0)
        self._set_timer()
        self._turn()

    def _turn(self) -> None:
        """Begin attempts while there are places. Never entered twice, however attempts end."""
        if self._turning:
            return
        self._turning = True
        while self._working and (turn := self._fair.take()):
            id, destination = turn
            live = self._live.get(id)
            if live is not None:
                live.ready = False
            if live is None or live.gone or live.state.stopped:
                self._fair.done(destination, None)
            else:
                live.running = True
                self._track(self._attempt(live, destination))
        self._turning = False

    async def _attempt(self, live: ActiveEntry, destination: str) -> None:
        answered: bool | None = None
        try:
            answered = await self._attempts.carry(live, self._backoff)
        except Exception as bug:  # noqa: BLE001 - the entry is parked with it, the others go on
            if not (isinstance(bug, CancelledError) and not self._working):
                await self._attempts.park(live, bug)
        finally:
            live.running = False
            self._fair.done(destination, answered)
            self._after(live)

    def _after(self, live: ActiveEntry) -> None:
        if live.gone:
            self._forget(live)
        else:
            self._schedule(live, live.wait)
        self._turn()

    def _forget(self, live: ActiveEntry) -> None:
        live.gone = True
        self._cache.take(live.entry.id)
        self._live.pop(live.entry.id, None)
        self._agenda.drop(live.entry.id)

    def _track(self, work: Coroutine[Any, Any, None]) -> Deferred[None]:
        done = Deferred.fromCoroutine(work)
        self._under_way.add(done)
        done.addErrback(self._fell)
        done.addBoth(lambda _: self._under_way.discard(done))
        return done

    def _fell(self, failure: Failure) -> None:
        if self._working or not failure.check(CancelledError):
            self._log.failure("the queue has a bug", failure)
            self._events.emit(Faulted("queue", f"a bug: {failure.getErrorMessage()}"))

    # --- the operator's word -------------------------------------------------------------------

    def views(self) -> list[View]:
        """Every entry, oldest first."""
        return [self._view(live) for _, live in sorted(self._live.items())]

    def view(self, id: str) -> View | None:
        """One entry as it is now."""
        live = self._live.get(id)
        return None if live is None else self._view(live)

    def broken(self) -> Mapping[str, str]:
        """Files that cannot be read, and why."""
        return self._broken

    def header(self, id: str) -> Awaitable[bytes]:
        """The header section of an entry's message. Raises OSError, KeyError."""
        return self._spool.header(self._live[id].entry)

    def retry(self, id: str) -> None:
        """Try an entry now, unless it is stopped."""
        if id in self._live:
            self._schedule(self._live[id], 0.0)
            self._turn()

    async def hold(self, id: str) -> None:
        """Keep an entry back. An attempt under way goes on."""
        live = self._live.get(id)
        if live is None:
            return
        self._attempts.count(live)
        live.state = replace(live.state, held=True)
        self._agenda.drop(id)
        await self._attempts.save(live)

    async def release(self, id: str) -> None:
        """Let a stopped entry go on, now; read a broken one again."""
        if id in self._broken:
            await self._read_again(id)
        live = self._live.get(id)
        if live is None or not live.state.stopped:
            return
        self._attempts.count(live)
        live.state = replace(live.state, due=self._wall(), **_GOING)
        await self._attempts.save(live)
        self.retry(id)

    async def _read_again(self, id: str) -> None:
        found = await self._spool.look(id)
        self._broken.pop(id, None)
        if found is not None:
            self._found([found])

    async def remove(self, id: str, bounce: bool = False) -> OSError | None:
        """Throw an entry away, telling the sender where `bounce` says so."""
        if id in self._broken:
            error = await self._spool.remove(id, has_state=True)
            if error is None:
                del self._broken[id]
            return error
        live = self._live.get(id)
        if live is None:
            return None
        if bounce and (untold := await self._attempts.bounce(live)) is not None:
            return untold
        error = await self._attempts.remove(live)
        if error is None:
            self._forget(live)
        return error

    def _view(self, live: ActiveEntry) -> View:
        state, id = live.state, live.entry.id
        if state.stopped:
            return View(live.entry, state, _word(state), None)
        due, now = self._agenda.due(id), self._steady()
        wait = 0.0 if due is None else max(due - now, 0.0)
        word = "running" if live.running else "waiting"
        return View(live.entry, state, word, self._wall() + wait)


def _word(state: State) -> str:
    """Why an entry is stopped."""
    if state.parked:
        return "parked"
    return "quarantined" if state.quarantine else "held"
