"""One attempt at an entry: open it, have it carried, tell the sender, write down what is so now.

The order keeps mail safe. A bounce is handed over before its recipient is written down as settled:
a crash between the two sends it twice, and never loses it. A report that cannot be handed over now
is owed, and tried again without carrying the message again.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from twisted.internet.defer import DeferredLock

from mailhost.interfaces.events import Attempted, Faulted, IEventSink, Parked
from mailhost.interfaces.queue import ITransport, Unfinished
from mailhost.message.content import Content
from mailhost.message.outcome import Fate, Outcome
from mailhost.message.status import Status
from mailhost.queue.content_cache import ContentCache
from mailhost.queue.entry import Entry, Progress, State
from mailhost.queue.reports import Reports, Subject, wanted
from mailhost.queue.schedule import Backoff
from mailhost.queue.spool import Spool

EXPIRED = "4.4.7"
REMOVED = Status(554, "5.3.0", "The operator of this mail host removed the message from its queue")


@dataclass(slots=True)
class ActiveEntry:
    """An entry of the running queue. Its file may lag behind `state` while a write is under way.

    `since` is the steady clock's time up to which `state.waited` counts. `ready`: it waits for its
    turn. `gone`: it was settled or removed, and nothing more is done or written. `wait` is how
    many seconds after an attempt the next one is due.
    """

    entry: Entry
    state: State
    since: float
    wait: float = 0.0
    has_state: bool = False
    ready: bool = False
    running: bool = False
    gone: bool = False
    lock: DeferredLock = field(default_factory=DeferredLock)

    @property
    def destination(self) -> str:
        """Whom an attempt would trouble: the domains of all who wait."""
        return ",".join(sorted({path.address.domain for path in self.state.waiting}))


class Attempts:
    """Carries entries, and writes their state. It does not decide when.

    `cache` has contents that need not be read.
    """

    def __init__(
        self,
        spool: Spool,
        transport: ITransport,
        reports: Reports,
        events: IEventSink,
        wall: Callable[[], float],
        steady: Callable[[], float],
        cache: ContentCache,
    ) -> None:
        self._spool = spool
        self._transport = transport
        self._reports = reports
        self._events = events
        self._wall = wall
        self._steady = steady
        self._cache = cache

    async def carry(self, live: ActiveEntry, backoff: Backoff) -> bool:
        """Make one attempt and write down what came of it. True where somebody answered.

        Whatever is raised is a bug; what was delivered until then is known in `live.state`.
        """
        live.wait = backoff.wait(max(live.state.attempts, 1))
        try:
            content = self._cache.take(live.entry.id) or await self._spool.open(live.entry)
        except FileNotFoundError:
            live.gone = True
            self._fault(live, "its file is gone from the queue's folder; it is forgotten")
            return False
        except OSError as error:
            self._fault(live, f"cannot be read now, tried again later: {error}")
            return False
        outcomes = await self._deliver(live, content, backoff)
        if not live.gone:
            await self._report(live, content, backoff)
            await self._write(live, backoff)
        return any(map(_answered, outcomes))

    async def _deliver(
        self, live: ActiveEntry, content: Content, backoff: Backoff
    ) -> Sequence[Outcome]:
        entry, waiting = live.entry, live.state.waiting
        if not waiting:
            return ()
        try:
            outcomes = await self._transport.deliver(
                entry.envelope, content, waiting, entry.identity, attempts=live.state.attempts
            )
        except Unfinished as unfinished:
            self._note(live, unfinished.outcomes, backoff)
            await self.save(live)
            raise unfinished.bug from unfinished
        if [outcome.recipient for outcome in outcomes] != list(waiting):
            raise ValueError(f"the transport answered {outcomes!r} for {waiting!r}")
        self._note(live, outcomes, backoff)
        return outcomes

    def _note(self, live: ActiveEntry, outcomes: Sequence[Outcome], backoff: Backoff) -> None:
        """Take what came of an attempt into the state."""
        self.count(live)
        if live.state.waited >= backoff.settings.expire_after:
            outcomes = [self._expired(live, outcome) for outcome in outcomes]
        owed = [wanted(live.entry.envelope, outcome) for outcome in outcomes]
        live.state = live.state.with_outcomes(outcomes, owed)

    def _expired(self, live: ActiveEntry, outcome: Outcome) -> Outcome:
        """A deferral becomes a failure. Its 4xx code tells that it was us who gave up."""
        if outcome.settled:
            return outcome
        spent, last = _span(live.state.waited), outcome.status
        what = f"answer was: {last.answer}" if last.answer else f"trouble was: {last}"
        text = f"given up after {spent}; the last {what}"
        status = Status(451, EXPIRED, text, last.cause, last.answer)
        failed = replace(outcome, fate=Fate.FAILED, status=status)
        self._events.emit(Attempted(live.entry.identity, failed))
        return failed

    async def _report(self, live: ActiveEntry, content: Content, backoff: Backoff) -> None:
        """Tell the sender what is owed, and once that the message is late."""
        state, settings = live.state, backoff.settings
        owed = [each.outcome for each in state.those(Progress.OWED) if each.outcome]
        late: list[Outcome] = []
        if not state.warned and state.waited >= settings.warn_after:
            late = [each.outcome for each in state.those(Progress.WAITING) if each.outcome]
        if not owed and not late:
            return
        now = self._wall()
        until = now + max(settings.expire_after - state.waited, 0.0)
        if await self._report_outcomes(live, content, [*owed, *late], now, until):
            live.state = replace(live.state.reported(), warned=state.warned or bool(late))
        elif state.waited >= settings.expire_after:
            self._fault(live, "its sender could not be told; given up")
            live.state = live.state.reported()

    async def _report_outcomes(
        self,
        live: ActiveEntry,
        content: Content,
        outcomes: Sequence[Outcome],
        now: float,
        until: float,
    ) -> bool:
        entry = live.entry
        subject = Subject(entry.envelope, content, entry.identity, entry.arrived)
        try:
            return await self._reports.send(subject, outcomes, now, until)
        except OSError as error:
            self._fault(live, f"its sender cannot be told now: {error}")
            return False

    async def _write(self, live: ActiveEntry, backoff: Backoff) -> None:
        if live.state.settled and await self.remove(live) is None:
            return
        now, attempts = self._wall(), live.state.attempts + 1
        live.wait = backoff.wait(attempts)
        due = now + live.wait
        live.state = replace(live.state, attempts=attempts, last_attempt=now, due=due)
        await self.save(live)

    # --- on disk -------------------------------------------------------------------------------

    def count(self, live: ActiveEntry) -> None:
        """Bring `waited` up to now. Time on hold does not count."""
        now = self._steady()
        if not live.state.stopped:
            live.state = replace(live.state, waited=live.state.waited + now - live.since)
        live.since = now

    async def save(self, live: ActiveEntry) -> OSError | None:
        """Write the state. An error is told; memory keeps the truth for the next save."""
        await live.lock.acquire()
        try:
            if live.gone:
                return None
            self.count(live)
            live.state = replace(live.state, saved=self._wall())
            live.has_state = True
            error = await self._spool.settle(live.entry.id, live.state)
        finally:
            live.lock.release()
        if error is not None:
            self._fault(live, f"its state cannot be written now: {error}")
        return error

    async def remove(self, live: ActiveEntry) -> OSError | None:
        """Remove the entry for good. An error is told, and the entry stays."""
        await live.lock.acquire()
        try:
            error = await self._spool.remove(live.entry.id, live.has_state)
            live.gone = live.gone or error is None
        finally:
            live.lock.release()
        if error is not None:
            self._fault(live, f"cannot be removed now: {error}")
        return error

    async def park(self, live: ActiveEntry, bug: Exception) -> None:
        """Set an entry aside that makes our own code raise: kept, and told once."""
        reason = f"{type(bug).__name__}: {bug}"
        trace = "".join(traceback.format_exception(bug))
        self.count(live)
        live.state = replace(live.state, parked=reason, traceback=trace)
        self._events.emit(Parked(live.entry.id, reason))
        await self.save(live)
        if live.entry.envelope.reverse_path is None:
            return  # an alarm of ours could be what is parked: no alarm about alarms
        try:
            await self._reports.alarm(live.entry.id, live.entry.identity, reason)
        except Exception as error:  # noqa: BLE001 - told, and the log has the first fault already
            self._fault(live, f"the postmaster could not be told that it is parked: {error!r}")

    async def bounce(self, live: ActiveEntry) -> OSError | None:
        """Report to the sender that the operator removed the message. Returns the error where that
        failed, None where it is done."""
        outcomes = [Outcome(path, Fate.FAILED, REMOVED) for path in live.state.waiting]
        try:
            content = await self._spool.open(live.entry)
        except OSError as error:
            text = f"no bounce can be sent, as the message cannot be read: {error}"
            return OSError(f"{text}; remove it without --bounce")
        if await self._report_outcomes(live, content, outcomes, self._wall(), self._wall()):
            return None
        return OSError("the bounce could not be sent")

    def _fault(self, live: ActiveEntry, text: str) -> None:
        self._events.emit(Faulted("queue", f"{live.entry.id}: {text}"))


def _answered(outcome: Outcome) -> bool:
    """True where a host answered for the recipient; 421 only asks for fewer connections."""
    answer = outcome.status.answer
    return outcome.settled or (answer is not None and answer.code != 421)


def _span(seconds: float) -> str:
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} seconds"
