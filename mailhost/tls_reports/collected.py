"""Keeps the reports about TLS among the mail for addresses for reports."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from twisted.internet.interfaces import IReactorTime

from mailhost.aggregate_reports.reader import LONGEST_NAME
from mailhost.aggregate_reports.received import forget_old
from mailhost.aggregate_reports.report import BadReport, check_period
from mailhost.aggregate_reports.unpack import file_of_message
from mailhost.concurrency.threads import InThread
from mailhost.interfaces.dns import ILookUp
from mailhost.message.content import Content
from mailhost.message.header import first_value
from mailhost.net.dns.lookups import run_lookups
from mailhost.tls_reports.database import reports_database
from mailhost.tls_reports.read import domain_name, read_report
from mailhost.tls_reports.received import ReceivedReport, keep_report
from mailhost.tls_reports.report import TLSReport
from mailhost.tls_reports.signature import signing_domain
from mailhost.tls_reports.unpack import JSON

LOOKUPS_LIMIT = 30.0  # seconds of look-ups for the keys of one message


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
        """See ReportKind. The file is not read before the signature is verified."""
        text = await self._in_thread(partial(_file_of, content))
        signer = await run_lookups(
            signing_domain(content, self._wall()),
            self._resolver,
            self._clock,
            LOOKUPS_LIMIT,
            self._in_thread,
        )
        header = await self._in_thread(content.header)
        report = _for_domain_of_header(await self._in_thread(partial(read_report, text)), header)
        report = replace(report, domain=self._domain_of(report, is_here))
        check_period(report.begin, report.end, self._wall())
        received = ReceivedReport(signer, report)
        added = await self._in_thread(partial(keep_report, self._data, received))
        again = "" if added else ", which is there already"
        by = (report.organization or report.contact)[:LONGEST_NAME]
        return f"TLS report of {by} ({signer}) about {report.domain}{again}"

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
        await self._in_thread(partial(forget_old, reports_database(self._data), self._wall()))


def _file_of(content: Content) -> bytes:
    """Return the JSON in a message. Blocks. Raises BadReport, OSError."""
    return file_of_message(content.read(), JSON)


def _for_domain_of_header(report: TLSReport, header: bytes) -> TLSReport:
    """Return the report with the domain of its message's header section, if that names one."""
    named = domain_name(first_value(header, "TLS-Report-Domain"))
    return replace(report, domain=named) if named else report
