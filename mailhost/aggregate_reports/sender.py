"""Sends the reports about the days that are over, at most one about each domain and day.

A report is removed from the database only when all its destinations have it, or when it is too old.
After a crash in between, a report is sent again with the same identifier, by which its receiver
knows it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, Protocol, TypeVar

from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from mailhost.aggregate_reports.report import DAY, NotNow, NotSent, fault_text
from mailhost.aggregate_reports.waiting import Waiting, WaitingReports
from mailhost.concurrency.rounds import Rounds
from mailhost.concurrency.threads import InThread
from mailhost.interfaces.events import Faulted, IEventSink, Notice

LOOKUPS_LIMIT = 30.0  # seconds of look-ups for one report

Destination = TypeVar("Destination", bound=Hashable)
Report = TypeVar("Report")


class ReportsToSend(Protocol[Destination, Report]):
    """One kind of reports.

    `where` names it in the log. `period` is the time between two rounds, `longest` the time after
    the end of its day in which a report is tried, both in seconds. `growth` is the factor by which
    the time between two attempts grows, which is `period` at first.
    """

    where: str
    period: float
    longest: float
    growth: float

    def active(self) -> bool:
        """True if the present settings say that reports are sent."""

    def due(self, waiting: Waiting) -> float:
        """Return when a report is to be tried first, in seconds since 1970."""

    def destinations(self, domain: str) -> Awaitable[Sequence[Destination]]:
        """Return where the report about a domain is to go. Raises NotNow."""

    def make(self, waiting: Waiting) -> Report:
        """Make the report. Blocks."""

    def send(self, report: Report, destination: Destination) -> Awaitable[None]:
        """Send to one destination, whose `str` names it. Raises NotNow, NotSent."""


@dataclass(frozen=True, slots=True)
class _Retry:
    """When a report is tried again, in seconds since 1970, after `delay` seconds, and why. `wanted`
    is true if it is known that somebody wants the report."""

    at: float
    delay: float
    reason: str
    wanted: bool


@dataclass(slots=True)
class _Round:
    """The results of one round: the days of those that have to wait, and the reasons
    for which others were given up, by day; `faults` has those that somebody wanted."""

    waiting: set[int] = field(default_factory=set)
    faults: dict[int, list[str]] = field(default_factory=dict)
    unknown: dict[int, list[str]] = field(default_factory=dict)


class ReportSender(Generic[Destination, Report]):
    """The head has it. `kind` knows the reports that are kept in `waiting`; `wall` gives seconds
    since 1970."""

    def __init__(
        self,
        clock: IReactorTime,
        in_thread: InThread,
        waiting: WaitingReports,
        kind: ReportsToSend[Destination, Report],
        events: IEventSink,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._in_thread = in_thread
        self._waiting = waiting
        self._kind = kind
        self._events = events
        self._wall = wall
        self._retries: dict[tuple[int, str], _Retry] = {}  # by day and domain
        self._sent = Counter[int]()  # reports by day, until all of the day are done with
        self._rounds = Rounds(clock, kind.period, self._send_all, self._failed)

    def start(self) -> None:
        """Send from time to time, for the first time after one period."""
        self._rounds.start(now=False)

    def stop(self) -> None:
        """Begin no further report."""
        self._rounds.stop()

    async def _send_all(self) -> None:
        if not self._kind.active():
            return
        today = int(self._wall()) // DAY
        found = _Round()
        for waiting in await self._in_thread(partial(self._waiting.before, today)):
            if not (self._rounds.running and self._kind.active()):
                return
            if not await self._send(waiting, found):
                found.waiting.add(waiting.day)
        self._log(found)

    def _log(self, found: _Round) -> None:
        """Log a line for each day that is done with, and one for the reports that were given up."""
        where = self._kind.where
        for day, reasons in found.faults.items():
            self._events.emit(Faulted(where, _given_up(day, reasons)))
        for day, reasons in found.unknown.items():
            self._events.emit(Notice(f"{where}: {_given_up(day, reasons)}"))
        for day in sorted(self._sent.keys() - found.waiting):
            text = f"{_counted(self._sent.pop(day))} of {_date(day)} sent"
            self._events.emit(Notice(f"{where}: {text}"))

    def _failed(self, failure: Failure) -> None:
        """Log why a round ended early; the reports wait for the next one."""
        self._events.emit(Faulted(self._kind.where, fault_text(failure.value)))

    async def _send(self, waiting: Waiting, found: _Round) -> bool:
        """Send one report to all its destinations, and remove it when that is done. False if it
        has to wait."""
        now, place = self._wall(), (waiting.day, waiting.domain)
        retry = self._retries.get(place)
        if now > (waiting.day + 1) * DAY + self._kind.longest:
            which = found.faults if retry and retry.wanted else found.unknown
            reason = retry.reason if retry else "the host did not run"
            which.setdefault(waiting.day, []).append(f"{waiting.domain}: {reason}")
        elif now < (retry.at if retry else self._kind.due(waiting)):
            return False
        else:
            wanted, reason = await self._try(waiting)
            if reason:
                delay = retry.delay * self._kind.growth if retry else self._kind.period
                at = now + delay - self._kind.period / 2  # rounds are not on the second
                self._retries[place] = _Retry(at, delay, reason, wanted)
                return False
        self._retries.pop(place, None)
        await self._in_thread(partial(self._waiting.remove, waiting))
        return True

    async def _try(self, waiting: Waiting) -> tuple[bool, str]:
        """Return whether somebody wants the report, as far as is known, and why a later attempt is
        to be made, empty if none is. A fault that a report causes keeps no other one back."""
        try:
            destinations = await self._kind.destinations(waiting.domain)
        except Exception as error:  # noqa: BLE001
            return False, _reason(error)
        left = [each for each in destinations if str(each) not in waiting.sent]
        if not left:
            return False, ""
        report = await self._in_thread(partial(self._kind.make, waiting))
        reasons = []
        for each in left:
            try:
                await self._kind.send(report, each)
                self._sent[waiting.day] += 1
            except NotSent as reason:
                text = f"the one about {waiting.domain} is not sent to {each}: {reason}"
                self._events.emit(Notice(f"{self._kind.where}: {text}"))
            except Exception as error:  # noqa: BLE001
                reasons.append(f"{each}: {_reason(error)}")
                continue
            note = partial(self._waiting.note_sent, waiting, str(each))
            waiting = await self._in_thread(note)
        return True, "; ".join(reasons)


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, NotNow) else fault_text(error)


def _given_up(day: int, reasons: Sequence[str]) -> str:
    return f"{_counted(len(reasons))} of {_date(day)} not sent, such as about {reasons[0]}"


def _counted(number: int) -> str:
    return f"{number} report" if number == 1 else f"{number} reports"


def _date(day: int) -> str:
    """Return the date of a day since 1970."""
    return time.strftime("%Y-%m-%d", time.gmtime(day * DAY))
