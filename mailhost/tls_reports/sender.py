"""The reports about TLS that are sent to other domains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol
from zlib import crc32

from twisted.internet.interfaces import IReactorTime

from mailhost.aggregate_reports.mail import MailServices, report_id
from mailhost.aggregate_reports.report import DAY, NotNow
from mailhost.aggregate_reports.sender import LOOKUPS_LIMIT
from mailhost.aggregate_reports.waiting import Waiting
from mailhost.interfaces.dns import ILookUp
from mailhost.interfaces.events import IEventSink
from mailhost.message.address import Address
from mailhost.net.dns.lookups import run_lookups
from mailhost.net.https_fetch import Fetched, FetchFailed
from mailhost.tls_reports.destinations import (
    MailDestination,
    ReportDestination,
    WebDestination,
    find_destinations,
)
from mailhost.tls_reports.mail import MEDIA_TYPE, PackedReport, compose_mail, pack
from mailhost.tls_reports.report import WHERE, TLSReport
from mailhost.tls_reports.waiting import results_of

PERIOD = 600.0  # seconds between two rounds
SPREAD = 4 * 3600  # seconds after the end of the day in which reports leave (RFC 8460 §4.1)
LONGEST = SPREAD + DAY  # seconds after its day that a report is tried (RFC 8460 §5.5)
POST_SECONDS = 60.0  # for one POST
LARGEST_REPLY = 65_536  # octets of the reply to a POST


class IPoster(Protocol):
    """Sends files to web servers, as `net.https_fetch.Fetcher` does."""

    async def post(self, url: str, body: bytes, media_type: str) -> Fetched:
        """Return the reply to a POST. Raises FetchFailed."""


@dataclass(frozen=True, slots=True)
class SenderServices:
    """The services of the sender in one generation of the settings. With `reports` false none are
    sent. `organization` and `contact` are named in the reports."""

    reports: bool
    organization: str
    contact: str
    mail: MailServices


class TLSReportsToSend:
    """A ReportsToSend. `services` returns those of the present settings; `data` is the data
    folder."""

    where = WHERE
    period = PERIOD
    longest = float(LONGEST)
    growth = 2.0

    def __init__(
        self,
        clock: IReactorTime,
        data: str,
        services: Callable[[], SenderServices],
        resolver: ILookUp,
        poster: IPoster,
        events: IEventSink,
    ) -> None:
        self._clock = clock
        self._data = data
        self._services = services
        self._resolver = resolver
        self._poster = poster
        self._events = events

    def active(self) -> bool:
        """See ReportsToSend."""
        return self._services().reports

    def due(self, waiting: Waiting) -> float:
        """See ReportsToSend. The times of all domains are spread, and so are those of all hosts
        that report to one domain."""
        place = f"{self._services().mail.hostname} {waiting.domain} {waiting.day}"
        return float((waiting.day + 1) * DAY + crc32(place.encode()) % SPREAD)

    async def destinations(self, domain: str) -> Sequence[ReportDestination]:
        """See ReportsToSend."""
        finding = find_destinations(domain)
        return await run_lookups(finding, self._resolver, self._clock, LOOKUPS_LIMIT)

    def make(self, waiting: Waiting) -> PackedReport:
        """See ReportsToSend."""
        services, begin = self._services(), waiting.day * DAY
        hostname = services.mail.hostname
        unique = report_id(hostname, waiting.domain, begin)
        report = TLSReport(
            domain=waiting.domain,
            organization=services.organization,
            contact=services.contact,
            report_id=f"{unique}@{hostname}",
            begin=begin,
            end=begin + DAY - 1,
            results=results_of(self._data, waiting),
        )
        return pack(report)

    async def send(self, report: PackedReport, destination: ReportDestination) -> None:
        """See ReportsToSend."""
        if isinstance(destination, MailDestination):
            await self._mail(report, destination.address)
        else:
            await self._post(report, destination)

    async def _mail(self, report: PackedReport, to: Address) -> None:
        mail = self._services().mail
        await mail.send(compose_mail(report, to, mail.hostname), self._events, signed=True)

    async def _post(self, report: PackedReport, destination: WebDestination) -> None:
        try:
            reply = await self._poster.post(destination.url, report.file, MEDIA_TYPE)
        except FetchFailed as failed:
            raise NotNow(str(failed)) from failed
        if not 200 <= reply.status < 300:
            raise NotNow(f"its server answers {reply.status}")
