"""One attempt at an entry: read the message, have it carried, report to its sender.

Each step returns a value, and nothing here changes the entry: the queue runner does that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from mailhost.concurrency.answers import result_of
from mailhost.concurrency.pauses import Pause
from mailhost.config.model import Queue
from mailhost.interfaces.answer import Answer
from mailhost.interfaces.events import Attempted, Faulted, IEventSink
from mailhost.interfaces.queue import ITransport, Lane, Lanes
from mailhost.interfaces.reception import IHandover
from mailhost.message.content import Content
from mailhost.message.outcome import Fate, Outcome
from mailhost.message.status import Status
from mailhost.own_messages import hand_over
from mailhost.queue.content_cache import ContentCache
from mailhost.queue.entry import Entry, EntryState, Progress
from mailhost.queue.lanes import carry_lanes
from mailhost.queue.reports import ReportedMessage, Reports
from mailhost.queue.spool import Spool

EXPIRED = "4.4.7"
REMOVED = Status(554, "5.3.0", "The operator of this mail host removed the message from its queue")


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """The result of carrying an entry once: the outcomes that are known.

    `content` is None where the message could not be read; `lost` where its file is gone. `bug` was
    raised by our own code; then some recipients may have no outcome.
    """

    outcomes: Sequence[Outcome] = ()
    content: Content | None = None
    lost: bool = False
    bug: Exception | None = None

    @property
    def answered(self) -> bool:
        """True if a host answered for a recipient. 421 only asks for fewer connections."""
        return any(map(_answered, self.outcomes))


@dataclass(frozen=True, slots=True)
class ReportResult:
    """`settled`: no report is owed any longer. `warned`: the sender got a delay warning."""

    settled: bool = False
    warned: bool = False


@dataclass(frozen=True, slots=True)
class QueueServices:
    """The settings of the queue in one generation, and the services that its attempts use."""

    settings: Queue
    transport: ITransport
    reports: Reports
    handover: IHandover


class Attempts:
    """Carries entries and reports to their senders. `cache` has contents that need not be read, and
    `pause` is awaited between many lanes."""

    def __init__(
        self,
        spool: Spool,
        services: QueueServices,
        events: IEventSink,
        wall: Callable[[], float],
        cache: ContentCache,
        pause: Pause,
    ) -> None:
        self._spool = spool
        self._transport = services.transport
        self._reports = services.reports
        self._handover = services.handover
        self._events = events
        self._wall = wall
        self._cache = cache
        self._pause = pause

    def lanes(self, entry: Entry, state: EntryState) -> Answer[Lanes]:
        """Group the recipients that wait, as ITransport.lanes."""
        return self._transport.lanes(entry.envelope, state.waiting, state.attempts)

    def forget_failures(self, lanes: Lanes) -> None:
        """As ITransport.forget_failures."""
        self._transport.forget_failures(lanes)

    async def carry(self, entry: Entry, state: EntryState, lanes: Lanes) -> AttemptResult:
        """Carry the message once for all recipients that wait, grouped as `lanes` where that still
        stands. Does not raise."""
        try:
            if not self._transport.stands(lanes):
                lanes = await result_of(self.lanes(entry, state))
            content = self._cache.take(entry.id) or await self._spool.open(entry)
        except FileNotFoundError:
            self._fault(entry, "its file is gone from the queue's folder; it is forgotten")
            return AttemptResult(lost=True)
        except OSError as error:
            self._fault(entry, f"cannot be read now, tried again later: {error}")
            return AttemptResult()
        except Exception as bug:  # noqa: BLE001 - the caller parks the entry with it
            return AttemptResult(bug=bug)
        if not lanes.lanes:  # reports are owed, and nothing else
            return AttemptResult(content=content)
        return await self._carry(entry, content, lanes.lanes)

    async def _carry(self, entry: Entry, content: Content, lanes: Sequence[Lane]) -> AttemptResult:
        carried = await carry_lanes(
            lanes,
            lambda lane: self._transport.carry(lane, entry.envelope, content, entry.identity),
            self._pause,
        )
        bug = carried.bug
        if bug is None:
            known = {outcome.recipient for outcome in carried.outcomes}
            without = [path for lane in lanes for path in lane.recipients if path not in known]
            if without:
                bug = ValueError(f"the transport has no outcome for {without[0].address}")
        return AttemptResult(carried.outcomes, content, bug=bug)

    def given_up(self, entry: Entry, outcome: Outcome, waited: float) -> Outcome:
        """Return the failure that a deferral becomes after `waited` seconds in the queue. Its 4xx
        code shows that this host gave up. Any other outcome is returned as it is."""
        if outcome.settled:
            return outcome
        last = outcome.status
        what = f"answer was: {last.answer}" if last.answer else f"trouble was: {last}"
        if last.says_more:
            what += f"; {last}"
        text = f"given up after {_span(waited)}; the last {what}"
        status = Status(451, EXPIRED, text, last.cause, last.answer)
        failed = replace(outcome, fate=Fate.FAILED, status=status)
        self._events.emit(Attempted(entry.identity, failed))
        return failed

    async def report(
        self, entry: Entry, state: EntryState, content: Content, settings: Queue
    ) -> ReportResult:
        """Send the reports that are owed and, once, a warning that the message is late.

        Returns when they are safe in a mailbox or in the queue, or could not be made so.
        """
        owed = [each.outcome for each in state.those(Progress.OWED) if each.outcome]
        late: list[Outcome] = []
        if not state.warned and state.waited >= settings.warn_after:
            late = [each.outcome for each in state.those(Progress.WAITING) if each.outcome]
        if not owed and not late:
            return ReportResult()
        now = self._wall()
        until = now + max(settings.expire_after - state.waited, 0.0)
        if await self._send(entry, content, [*owed, *late], now, until):
            return ReportResult(settled=True, warned=bool(late))
        if state.waited < settings.expire_after:
            return ReportResult()
        self._fault(entry, "no report could be sent to its sender; given up")
        return ReportResult(settled=True)

    async def _send(
        self,
        entry: Entry,
        content: Content,
        outcomes: Sequence[Outcome],
        now: float,
        until: float,
    ) -> bool:
        """Hand a report to the sender over. False if that must be tried again later."""
        subject = ReportedMessage(entry.envelope, content, entry.identity, entry.arrived)
        try:
            report = await self._reports.compose_about(subject, outcomes, now, until)
        except OSError as error:
            self._fault(entry, f"no report can be sent to its sender now: {error}")
            return False
        return report is None or await hand_over(report, self._handover, self._events)

    async def bounce(self, entry: Entry, state: EntryState) -> OSError | None:
        """Report to the sender that the operator removed the message. Returns the error where that
        failed, None where it is done."""
        outcomes = [Outcome(path, Fate.FAILED, REMOVED) for path in state.waiting]
        try:
            content = await self._spool.open(entry)
        except OSError as error:
            text = f"no bounce can be sent, as the message cannot be read: {error}"
            return OSError(f"{text}; remove it without --bounce")
        if await self._send(entry, content, outcomes, self._wall(), self._wall()):
            return None
        return OSError("the bounce could not be sent")

    async def alarm(self, entry: Entry, reason: str) -> None:
        """Report to the postmaster that the entry was parked, unless it is from `<>`: such an entry
        may be an alarm itself."""
        if entry.envelope.reverse_path is None:
            return
        try:
            alarm = await self._reports.compose_alarm(entry.id, entry.identity, reason)
            if alarm is not None:
                await hand_over(alarm, self._handover, self._events)
        except Exception as error:  # noqa: BLE001 - logged; the first fault is in the log already
            self._fault(entry, f"no message about it could be sent to the postmaster: {error!r}")

    def _fault(self, entry: Entry, text: str) -> None:
        self._events.emit(Faulted("queue", f"{entry.id}: {text}"))


def _answered(outcome: Outcome) -> bool:
    answer = outcome.status.answer
    return outcome.settled or (answer is not None and answer.code != 421)


def _span(seconds: float) -> str:
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} seconds"
