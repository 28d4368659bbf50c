"""The parts for reports of DMARC that the head has: what reads those that come in, and what sends
those of this host."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from mailhost.application.foundation import Foundation
from mailhost.application.services import Services
from mailhost.concurrency.threads import threads_of
from mailhost.dmarc_reports.reader import ReportPlaces, ReportReader
from mailhost.dmarc_reports.sender import ReportSender, SenderServices
from mailhost.dmarc_reports.tally import Tally
from mailhost.dmarc_reports.waiting import add_counts
from mailhost.interfaces.events import IEventSink
from mailhost.interfaces.reactor import IReactor


def make_tally(reactor: IReactor, data: str, events: IEventSink) -> Tally:
    """Return the tally of a process. Its own faults go to `events`."""
    return Tally(reactor, threads_of(reactor), partial(add_counts, data), events)


class DMARCReports:
    """`services` returns those of the present generation; `tally` is that of the head."""

    def __init__(
        self, reactor: IReactor, base: Foundation, tally: Tally, services: Callable[[], Services]
    ) -> None:
        self._directory = base.directory
        self._tally = tally
        self._services = services
        self._reader = ReportReader(reactor, base.in_thread, base.data, self._places, base.events)
        self._sender = ReportSender(
            reactor, base.in_thread, base.data, self._sender_services, base.resolver, base.events
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

    def _sender_services(self) -> SenderServices:
        services = self._services()
        settings = services.settings
        return SenderServices(
            settings.dmarc.send_reports and settings.demo is None,  # the demo asks no DNS
            settings.hostname,
            services.outgoing,
            services.handover,
        )
