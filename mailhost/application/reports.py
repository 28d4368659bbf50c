"""The parts for daily reports of DMARC that the head has: what reads those that come in, and what
sends those of this host."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from mailhost.aggregate_reports.reader import ReportPlaces, ReportReader
from mailhost.aggregate_reports.sender import ReportSender
from mailhost.aggregate_reports.tally import Tally
from mailhost.application.foundation import Foundation
from mailhost.application.services import Services
from mailhost.concurrency.threads import threads_of
from mailhost.config.model import Settings
from mailhost.dmarc_reports.collected import CollectedDMARCReports
from mailhost.dmarc_reports.sender import DMARCReportsToSend, SenderServices
from mailhost.dmarc_reports.tally import WHERE as DMARC_RESULTS
from mailhost.dmarc_reports.waiting import count_and_add, waiting_reports
from mailhost.interfaces.events import Authenticated, IEventSink
from mailhost.interfaces.reactor import IReactor

DMARCTally = Tally[Authenticated]


def make_tally(reactor: IReactor, events: IEventSink) -> DMARCTally:
    """Return the tally of a process. Its own faults go to `events`."""
    return Tally(reactor, threads_of(reactor), Authenticated, events, DMARC_RESULTS)


def reconfigure_tally(tally: DMARCTally, settings: Settings) -> None:
    """Have a tally count as the settings say: not mail for the addresses for reports, since
    reports about reports would never end."""
    add = partial(count_and_add, settings.data, settings.report_mailboxes)
    tally.reconfigure(add if settings.dmarc.send_reports else None)


class HeadReports:
    """`services` returns those of the present generation; `tally` is that of the head."""

    def __init__(
        self,
        reactor: IReactor,
        base: Foundation,
        tally: DMARCTally,
        services: Callable[[], Services],
    ) -> None:
        self._directory = base.directory
        self._tally = tally
        self._services = services
        kinds = [CollectedDMARCReports(base.in_thread, base.data)]
        self._reader = ReportReader(reactor, base.in_thread, self._places, kinds, base.events)
        dmarc = DMARCReportsToSend(
            reactor, base.data, self._dmarc_services, base.resolver, base.events
        )
        self._sender = ReportSender(
            reactor, base.in_thread, waiting_reports(base.data), dmarc, base.events
        )

    def start(self) -> None:
        """Read, count and send from time to time."""
        self._tally.start()
        self._reader.start()
        self._sender.start()

    async def stop(self) -> None:
        """Begin nothing more, and write the counts."""
        self._reader.stop()
        self._sender.stop()
        await self._tally.stop()

    def _places(self) -> ReportPlaces:
        services = self._services()
        admin = services.settings.admin
        if admin is not None and (admin.domain, admin.key) in services.router.reports:
            admin = None  # its mail would come back
        return ReportPlaces(
            services.incoming_reports,
            services.store,
            lambda: self._directory.view,
            services.handover,
            admin,
            services.settings.hostname,
            bool(services.router.reports),
        )

    def _dmarc_services(self) -> SenderServices:
        services = self._services()
        settings = services.settings
        return SenderServices(
            settings.dmarc.send_reports and settings.demo is None,  # the demo asks no DNS
            settings.hostname,
            services.outgoing,
            services.handover,
        )
