"""The parts for daily reports, of DMARC and about TLS: the tallies, and what the head has besides.
That reads the reports that come in, and sends those of this host."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from mailhost.aggregate_reports.mail import MailServices
from mailhost.aggregate_reports.reader import ReportPlaces, ReportReader
from mailhost.aggregate_reports.sender import ReportSender
from mailhost.aggregate_reports.tally import Tally
from mailhost.application.foundation import Foundation
from mailhost.application.services import Services
from mailhost.concurrency.threads import threads_of
from mailhost.config.model import Settings
from mailhost.dmarc_reports.collected import CollectedDMARCReports
from mailhost.dmarc_reports.sender import DMARCReportsToSend
from mailhost.dmarc_reports.sender import SenderServices as DMARCServices
from mailhost.dmarc_reports.tally import WHERE as DMARC_RESULTS
from mailhost.dmarc_reports.waiting import count_and_add as add_results
from mailhost.dmarc_reports.waiting import waiting_reports as waiting_results
from mailhost.interfaces.events import Authenticated, IEventSink
from mailhost.interfaces.reactor import IReactor
from mailhost.interfaces.tls_sessions import TLSSession
from mailhost.net.https_fetch import Fetcher
from mailhost.tls_reports.collected import CollectedTLSReports
from mailhost.tls_reports.sender import LARGEST_REPLY, POST_SECONDS, TLSReportsToSend
from mailhost.tls_reports.sender import SenderServices as TLSServices
from mailhost.tls_reports.tally import WHERE as TLS_SESSIONS
from mailhost.tls_reports.tally import count_and_add as add_sessions
from mailhost.tls_reports.waiting import waiting_reports as waiting_sessions

ResultTally = Tally[Authenticated]
SessionTally = Tally[TLSSession]


def make_result_tally(reactor: IReactor, events: IEventSink) -> ResultTally:
    """Return what counts the results of sender authentication in a process. Its own faults go to
    `events`."""
    return Tally(reactor, threads_of(reactor), Authenticated, events, DMARC_RESULTS)


def make_session_tally(reactor: IReactor, events: IEventSink) -> SessionTally:
    """Return what counts TLS sessions with other hosts. The head has it, as it has the relay."""
    return Tally(reactor, threads_of(reactor), TLSSession, events, TLS_SESSIONS)


def reconfigure_results(tally: ResultTally, settings: Settings) -> None:
    """Have a tally count as the settings say: not mail for the addresses for reports, since
    reports about reports would never end."""
    add = partial(add_results, settings.data, settings.report_mailboxes)
    tally.reconfigure(add if settings.dmarc.send_reports else None)


def reconfigure_sessions(tally: SessionTally, settings: Settings) -> None:
    """Have a tally count as the settings say."""
    tally.reconfigure(partial(add_sessions, settings.data) if _reports_tls(settings) else None)


def _reports_tls(settings: Settings) -> bool:
    """True if reports about TLS are sent. They must be signed; the demo asks no DNS."""
    return settings.tls_reports.send and settings.dkim.sign and settings.demo is None


class HeadReports:
    """`services` returns those of the present generation."""

    def __init__(
        self,
        reactor: IReactor,
        base: Foundation,
        services: Callable[[], Services],
    ) -> None:
        self._base = base
        self._services = services
        kinds = (
            CollectedDMARCReports(base.in_thread, base.data),
            CollectedTLSReports(reactor, base.in_thread, base.data, base.resolver, self._hostname),
        )
        self._reader = ReportReader(reactor, base.in_thread, self._places, kinds, base.events)
        self._dmarc = self._make_dmarc_sender(reactor)
        self._tls = self._make_tls_sender(reactor)

    def _make_dmarc_sender(self, reactor: IReactor) -> ReportSender[Any, Any]:
        base = self._base
        kind = DMARCReportsToSend(
            reactor, base.data, self._dmarc_services, base.resolver, base.events
        )
        waiting = waiting_results(base.data)
        return ReportSender(reactor, base.in_thread, waiting, kind, base.events)

    def _make_tls_sender(self, reactor: IReactor) -> ReportSender[Any, Any]:
        base = self._base
        poster = Fetcher(reactor, base.resolver, POST_SECONDS, LARGEST_REPLY)
        kind = TLSReportsToSend(
            reactor, base.data, self._tls_services, base.resolver, poster, base.events
        )
        waiting = waiting_sessions(base.data)
        return ReportSender(reactor, base.in_thread, waiting, kind, base.events)

    def start(self) -> None:
        """Read and send from time to time."""
        for each in (self._reader, self._dmarc, self._tls):
            each.start()

    def stop(self) -> None:
        """Begin nothing more."""
        for each in (self._reader, self._dmarc, self._tls):
            each.stop()

    def _hostname(self) -> str:
        return self._services().settings.hostname

    def _places(self) -> ReportPlaces:
        services = self._services()
        admin = services.settings.admin
        if admin is not None and (admin.domain, admin.key) in services.router.reports:
            admin = None  # its mail would come back
        return ReportPlaces(
            services.incoming_reports,
            services.store,
            lambda: self._base.directory.view,
            services.handover,
            admin,
            services.settings.hostname,
            bool(services.router.reports),
        )

    def _dmarc_services(self) -> DMARCServices:
        services = self._services()
        settings = services.settings
        return DMARCServices(
            settings.dmarc.send_reports and settings.demo is None,  # the demo asks no DNS
            _mail_services(services),
        )

    def _tls_services(self) -> TLSServices:
        services = self._services()
        settings = services.settings
        contact = settings.tls_reports.contact
        return TLSServices(
            _reports_tls(settings),
            settings.tls_reports.organization or settings.hostname,
            str(contact or f"postmaster@{settings.hostname}"),
            _mail_services(services),
        )


def _mail_services(services: Services) -> MailServices:
    return MailServices(services.settings.hostname, services.outgoing, services.handover)
