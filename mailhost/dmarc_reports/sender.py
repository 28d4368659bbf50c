"""Sends the reports about the days that are over, at most one about each domain and day.

A report is removed from the database only when all its addresses have it, or after LONGEST seconds.
After a crash in between, a report is sent again with the same identifier, by which its receiver
knows it (RFC 9990 §3.5.4).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from mailhost.concurrency.rounds import Rounds
from mailhost.concurrency.threads import InThread
from mailhost.dmarc_reports.destinations import CannotAsk, ReportDestination, find_destinations
from mailhost.dmarc_reports.mail import compose, packed, report_id
from mailhost.dmarc_reports.report import DAY, WHERE, AggregateReport, fault_text
from mailhost.dmarc_reports.waiting import (
    Waiting,
    note_sent,
    remove,
    results_of,
    waiting_before,
)
from mailhost.interfaces.dns import IResolver
from mailhost.interfaces.events import Faulted, IEventSink, Notice
from mailhost.interfaces.outgoing import IOutgoing
from mailhost.interfaces.reception import IHandover
from mailhost.message.address import Address
from mailhost.net.dns.lookups import run_lookups
from mailhost.own_messages import complete, hand_over

PERIOD = 3600.0  # seconds between two rounds
LONGEST = 3 * DAY  # seconds after its day that a report is tried
LARGEST = 10_000_000  # octets of a message with a report
LOOKUPS_LIMIT = 30.0  # seconds of look-ups for one report


@dataclass(frozen=True, slots=True)
class SenderServices:
    """The services that the sender uses in one generation of the settings. With `reports` false
    none are sent."""

    reports: bool
    hostname: str
    outgoing: IOutgoing
    handover: IHandover


class ReportSender:
    """The head has it. `services` returns those of the present settings; `data` is the data folder,
    `wall` gives seconds since 1970."""

    def __init__(
        self,
        clock: IReactorTime,
        in_thread: InThread,
        data: str,
        services: Callable[[], SenderServices],
        resolver: IResolver,
        events: IEventSink,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._in_thread = in_thread
        self._data = data
        self._services = services
        self._resolver = resolver
        self._events = events
        self._wall = wall
        self._rounds = Rounds(clock, PERIOD, self._send_all, self._failed)

    def start(self) -> None:
        """Send from time to time, for the first time in an hour."""
        self._rounds.start(now=False)

    def stop(self) -> None:
        """Begin no further report."""
        self._rounds.stop()

    async def _send_all(self) -> None:
        if not self._services().reports:
            return
        today = int(self._wall()) // DAY
        for waiting in await self._in_thread(partial(waiting_before, self._data, today)):
            if not (self._rounds.running and self._services().reports):
                return
            await self._send(self._services(), waiting)

    def _failed(self, failure: Failure) -> None:
        """Log why a round ended early; the reports wait for the next one."""
        self._events.emit(Faulted(WHERE, fault_text(failure.value)))

    async def _send(self, services: SenderServices, waiting: Waiting) -> None:
        """Send one report to all its addresses, and remove it when that is done."""
        done = self._wall() > (waiting.day + 1) * DAY + LONGEST
        if not done:
            try:
                destinations = await run_lookups(
                    find_destinations(waiting.domain), self._resolver, self._clock, LOOKUPS_LIMIT
                )
            except CannotAsk:
                return
            done = await self._send_to(services, waiting, destinations)
        if done:
            await self._in_thread(partial(remove, self._data, waiting))

    async def _send_to(
        self, services: SenderServices, waiting: Waiting, destinations: list[ReportDestination]
    ) -> bool:
        """Send one report. True if no address is left that a later attempt may reach."""
        left = [each for each in destinations if str(each.address) not in waiting.sent]
        if not left:
            return True
        report, file = await self._in_thread(partial(self._made, services.hostname, waiting))
        all_sent = True
        for each in left:
            if await self._send_one(services, report, file, each):
                address = str(each.address)
                waiting = await self._in_thread(partial(note_sent, self._data, waiting, address))
            else:
                all_sent = False
        return all_sent

    def _made(self, hostname: str, waiting: Waiting) -> tuple[AggregateReport, bytes]:
        """Return the report and its file. Blocks."""
        published, rows = results_of(self._data, waiting)
        begin = waiting.day * DAY
        report = AggregateReport(
            organization=hostname,
            email=f"postmaster@{hostname}",
            report_id=report_id(hostname, waiting.domain, begin),
            begin=begin,
            end=begin + DAY - 1,
            published=published,
            rows=rows,
        )
        return report, packed(report)

    async def _send_one(
        self,
        services: SenderServices,
        report: AggregateReport,
        file: bytes,
        destination: ReportDestination,
    ) -> bool:
        """Send to one address. True if that is done for good; a report that is too large for the
        address is not sent."""
        composed = compose(report, file, destination.address, services.hostname)
        largest = LARGEST if destination.largest is None else min(destination.largest, LARGEST)
        if composed.content.size > largest:
            size = f"{composed.content.size} octets, and at most {largest} are taken"
            text = f"the DMARC report about {report.published.domain} is not sent to"
            self._events.emit(Notice(f"{text} <{destination.address}>: it has {size}"))
            return True
        author = Address("postmaster", services.hostname)
        message = await complete(composed, author, services.outgoing, self._events)
        return message is None or await hand_over(message, services.handover, self._events)
