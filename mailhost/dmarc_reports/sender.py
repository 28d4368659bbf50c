"""The reports of DMARC that are sent to other domains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from twisted.internet.interfaces import IReactorTime

from mailhost.aggregate_reports.mail import MailServices, ReportMail, compose, report_id
from mailhost.aggregate_reports.report import DAY, NotSent
from mailhost.aggregate_reports.sender import LOOKUPS_LIMIT
from mailhost.aggregate_reports.waiting import Waiting
from mailhost.dmarc_reports.destinations import ReportDestination, find_destinations
from mailhost.dmarc_reports.mail import mail_of, packed
from mailhost.dmarc_reports.report import WHERE, AggregateReport
from mailhost.dmarc_reports.waiting import results_of
from mailhost.interfaces.dns import IResolver
from mailhost.interfaces.events import IEventSink
from mailhost.net.dns.lookups import run_lookups

PERIOD = 3600.0  # seconds between two rounds
LONGEST = 3 * DAY  # seconds after its day that a report is tried
LARGEST = 10_000_000  # octets of a message with a report


@dataclass(frozen=True, slots=True)
class SenderServices:
    """The services that the sender uses in one generation of the settings. With `reports` false
    none are sent."""

    reports: bool
    mail: MailServices


class DMARCReportsToSend:
    """A ReportsToSend. `services` returns those of the present settings; `data` is the data
    folder."""

    where = WHERE
    period = PERIOD
    longest = float(LONGEST)
    growth = 1.0

    def __init__(
        self,
        clock: IReactorTime,
        data: str,
        services: Callable[[], SenderServices],
        resolver: IResolver,
        events: IEventSink,
    ) -> None:
        self._clock = clock
        self._data = data
        self._services = services
        self._resolver = resolver
        self._events = events

    def active(self) -> bool:
        """See ReportsToSend."""
        return self._services().reports

    def due(self, waiting: Waiting) -> float:
        """See ReportsToSend."""
        return float((waiting.day + 1) * DAY)

    async def destinations(self, domain: str) -> Sequence[ReportDestination]:
        """See ReportsToSend."""
        finding = find_destinations(domain)
        return await run_lookups(finding, self._resolver, self._clock, LOOKUPS_LIMIT)

    def make(self, waiting: Waiting) -> ReportMail:
        """See ReportsToSend."""
        published, rows = results_of(self._data, waiting)
        begin, hostname = waiting.day * DAY, self._services().mail.hostname
        report = AggregateReport(
            organization=hostname,
            email=f"postmaster@{hostname}",
            report_id=report_id(hostname, waiting.domain, begin),
            begin=begin,
            end=begin + DAY - 1,
            published=published,
            rows=rows,
        )
        return mail_of(report, packed(report), hostname)

    async def send(self, report: ReportMail, destination: ReportDestination) -> None:
        """See ReportsToSend. A report that is too large for the address is not sent."""
        composed = compose(report, destination.address)
        largest = LARGEST if destination.largest is None else min(destination.largest, LARGEST)
        if composed.content.size > largest:
            size = composed.content.size
            raise NotSent(f"it has {size} octets, and at most {largest} are taken")
        await self._services().mail.send(composed, self._events)
