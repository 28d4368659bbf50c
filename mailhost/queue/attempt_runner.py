"""Runs the attempts that are due: each waits for its place, is made, and its result written down.

At most `settings.concurrency` attempts run at a time, shared fairly between destinations. An entry
for which our own code raises an exception is parked; the others go on.

The order of one attempt keeps mail safe. Its outcomes are noted in memory; then a bounce is handed
over; then the recipients are written down as settled. A crash before that sends a bounce twice, and
never loses one. A report that cannot be handed over is owed: the next attempt sends it, without
carrying the message again.
"""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from mailhost.interfaces.events import IEventSink, Parked
from mailhost.interfaces.queue import Lanes
from mailhost.message.content import Content
from mailhost.message.outcome import Outcome
from mailhost.queue.active import NO_LANES, ActiveEntry, Phase
from mailhost.queue.attempt import Attempts
from mailhost.queue.fair_schedule import FairSchedule
from mailhost.queue.reports import wanted
from mailhost.queue.schedule import Backoff
from mailhost.queue.table import EntryTable
from mailhost.queue.under_way import WorkUnderWay


class AttemptRunner:
    """`table` has the entries; `wall` dates attempts. `attempts` and `backoff` are replaced by
    `reconfigure`: attempts and waits that are under way stay as they are."""

    def __init__(
        self,
        table: EntryTable,
        under_way: WorkUnderWay,
        events: IEventSink,
        wall: Callable[[], float],
        attempts: Attempts,
        backoff: Backoff,
    ) -> None:
        self._table = table
        self._under_way = under_way
        self._events = events
        self._wall = wall
        self._attempts = attempts
        self._backoff = backoff
        self._fair = FairSchedule(backoff.settings.concurrency)
        self._beginning = False

    def reconfigure(self, attempts: Attempts, backoff: Backoff) -> None:
        """Use these from now on."""
        self._attempts = attempts
        self._backoff = backoff
        self._fair.places = backoff.settings.concurrency
        self.begin()

    # --- until an attempt begins ---------------------------------------------------------------

    def schedule(self, active: ActiveEntry, wait: float, asked: bool = False) -> None:
        """Have an entry tried in `wait` seconds, unless it is stopped or an attempt at it is due or
        under way. `asked`: an operator wants it, so failures to reach its hosts are forgotten."""
        if active.phase is not Phase.WAITING or active.state.stopped:
            return
        if wait > 0:
            self._table.timetable.put(active.entry.id, wait)
            return
        self._table.timetable.drop(active.entry.id)
        active.move(Phase.READY)
        self._group(active, asked)

    def retry(self, active: ActiveEntry) -> None:
        """Try an entry now, as an operator asks, unless it is stopped or under way."""
        if active.phase is Phase.READY:
            self._attempts.forget_failures(active.lanes)
        self.schedule(active, 0.0, asked=True)
        self.begin()

    def _group(self, active: ActiveEntry, asked: bool) -> None:
        """Group an entry's recipients into lanes, and have it wait for a place."""
        try:
            lanes = self._attempts.lanes(active.entry, active.state)
        except Exception as bug:  # noqa: BLE001 - the entry is parked with it, the others go on
            self._under_way.track(self._park_ready(active, bug))
            return
        if isinstance(lanes, Lanes):
            self._wait_for_place(active, lanes, asked)
        else:
            self._under_way.track(self._group_many(active, lanes, asked))

    async def _group_many(
        self, active: ActiveEntry, grouping: Awaitable[Lanes], asked: bool
    ) -> None:
        try:
            lanes = await grouping
        except Exception as bug:  # noqa: BLE001 - the entry is parked with it, the others go on
            if not self._under_way.is_cancelled(bug):
                await self._park_ready(active, bug)
            return
        self._wait_for_place(active, lanes, asked)
        self.begin()

    def _wait_for_place(self, active: ActiveEntry, lanes: Lanes, asked: bool) -> None:
        active.lanes = lanes
        if asked:
            self._attempts.forget_failures(lanes)
        self._fair.add(active.entry.id, lanes.line, active.state.attempts == 0)

    def begin(self) -> None:
        """Begin attempts while there are places. Never entered twice, however attempts end."""
        if self._beginning:
            return
        self._beginning = True
        while not self._under_way.ending and (turn := self._fair.take()):
            id, line = turn
            active = self._table.entries.get(id)
            if active is None or active.phase is not Phase.READY:
                self._fair.done(line, None)
            elif active.state.stopped:
                active.move(Phase.WAITING)
                self._fair.done(line, None)
            else:
                active.move(Phase.RUNNING)
                self._under_way.track(self._attempt(active, line))
        self._beginning = False

    # --- one attempt ---------------------------------------------------------------------------

    async def _attempt(self, active: ActiveEntry, line: str) -> None:
        answered: bool | None = None
        try:
            answered = await self._carry(active)
        except Exception as bug:  # noqa: BLE001 - the entry is parked with it, the others go on
            if not self._under_way.is_cancelled(bug):
                await self._park(active, bug)
        finally:
            self._fair.done(line, answered)
            if active.phase is not Phase.GONE:
                active.move(Phase.WAITING)
                self.schedule(active, active.wait)
            self.begin()

    async def _carry(self, active: ActiveEntry) -> bool:
        """Make one attempt and write down its result. True if a host answered.

        An exception is a bug; what was delivered until then is known in `active.state`.
        """
        active.wait = self._backoff.wait(max(active.state.attempts, 1))
        lanes, active.lanes = active.lanes, NO_LANES
        result = await self._attempts.carry(active.entry, active.state, lanes)
        if result.lost:
            self._table.forget(active)
        if result.outcomes:
            self._note(active, result.outcomes)
        if result.bug is not None:
            if result.outcomes:
                await self._table.save(active)
            raise result.bug
        if result.content is not None and active.phase is not Phase.GONE:
            await self._report(active, result.content)
            await self._write(active)
        return result.answered

    def _note(self, active: ActiveEntry, outcomes: Sequence[Outcome]) -> None:
        """Take the outcomes of an attempt into the state, expired deferrals as failures."""
        self._table.count(active)
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
        if active.state.settled and await self._table.remove(active) is None:
            return
        now, attempts = self._wall(), active.state.attempts + 1
        active.wait = self._backoff.wait(attempts)
        due = now + active.wait
        active.state = replace(active.state, attempts=attempts, last_attempt=now, due=due)
        await self._table.save(active)

    async def _park_ready(self, active: ActiveEntry, bug: Exception) -> None:
        """Park an entry whose recipients could not be grouped."""
        if active.phase is Phase.READY:
            active.move(Phase.WAITING)
            await self._park(active, bug)

    async def _park(self, active: ActiveEntry, bug: Exception) -> None:
        """Keep an entry for which our own code raised an exception, and report it once."""
        reason = f"{type(bug).__name__}: {bug}"
        trace = "".join(traceback.format_exception(bug))
        self._table.count(active)
        active.state = replace(active.state, parked=reason, traceback=trace)
        self._events.emit(Parked(active.entry.id, reason))
        await self._table.save(active)
        await self._attempts.alarm(active.entry, reason)

    async def bounce(self, active: ActiveEntry) -> OSError | None:
        """Report to the sender that an operator removes the message; the error where that fails."""
        return await self._attempts.bounce(active.entry, active.state)
