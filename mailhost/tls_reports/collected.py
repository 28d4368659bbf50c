"""Keeps the reports about TLS among the mail for addresses for reports."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from twisted.internet.interfaces import IReactorTime

from mailhost.aggregate_reports.reader import LONGEST_NAME
from mailhost.aggregate_reports.report import DAY, BadReport, check_period
from mailhost.aggregate_reports.unpack import file_of_message
from mailhost.concurrency.threads import InThread
from mailhost.interfaces.dns import ILookUp
from mailhost.message.content import Content
from mailhost.message.header import first_value
from mailhost.net.dns.lookups import run_lookups
from mailhost.tls_reports.read import read_report
from mailhost.tls_reports.received import ReceivedReport, forget_old, keep_report
from mailhost.tls_reports.report import TLSReport
from mailhost.tls_reports.signature import SignatureUnknown, signing_domain
from mailhost.tls_reports.unpack import JSON

LOOKUPS_LIMIT = 30.0  # seconds of look-ups for the keys of one message
LONGEST_WAIT = 5 * DAY  # seconds after its period that a report waits for these look-ups


class CollectedTLSReports:
    """A ReportKind. `data` is the data folder, `hostname` returns the name of this host, `wall`
    gives seconds since 1970."""

    def __init__(
        self,
        clock: IReactorTime,
        in_thread: InThread,
        data: str,
        resolver: ILookUp,
        hostname: Callable[[], str],
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._in_thread = in_thread
        self._data = data
        self._resolver = resolver
        self._hostname = hostname
        self._wall = wall

    async def keep(self, content: Content, is_here: Callable[[str], bool]) -> str:
        """See ReportKind."""
        report = await self._in_thread(partial(_report_of, content))
        report = replace(report, domain=self._domain_of(report, is_here))
        check_period(report.begin, report.end, self._wall())
        signer = await self._signer(content, report)
        received = ReceivedReport(signer, report)
        added = await self._in_thread(partial(keep_report, self._data, received))
        again = "" if added else ", which is there already"
        by = (report.organization or report.contact)[:LONGEST_NAME]
        return f"TLS report of {by} ({signer}) about {report.domain}{again}"

    async def _signer(self, content: Content, report: TLSReport) -> str:
        """Return the domain that has signed the message. Raises BadReport, SignatureUnknown."""
        finding = signing_domain(content, self._wall())
        try:
            return await run_lookups(
                finding, self._resolver, self._clock, LOOKUPS_LIMIT, self._in_thread
            )
        except SignatureUnknown as unknown:
            if self._wall() > report.end + LONGEST_WAIT:
                raise BadReport(str(unknown)) from unknown
            raise

    def _domain_of(self, report: TLSReport, is_here: Callable[[str], bool]) -> str:
        """Return the domain of this host that a report is for. With DANE a policy may be that of
        the name of this host, as an MX host; then the domain in the header counts."""
        names = (report.domain, *(result.policy.domain for result in report.results))
        for name in names:
            if name and is_here(name):
                return name
        if self._hostname() in names:
            return self._hostname()
        raise BadReport(f"the report is about {names[1]}, which is no domain of this host")

    async def forget_old(self) -> None:
        """See ReportKind."""
        await self._in_thread(partial(forget_old, self._data, self._wall()))


def _report_of(content: Content) -> TLSReport:
    """Read the report in a message; its `domain` is that of the header, if that names one. Blocks.
    Raises BadReport, OSError."""
    report = read_report(file_of_message(content.read(), JSON))
    named = first_value(content.header(), "TLS-Report-Domain").strip().lower().rstrip(".")
    return replace(report, domain=named) if named else report
