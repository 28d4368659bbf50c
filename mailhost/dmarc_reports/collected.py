"""Keeps the reports of DMARC among the mail for addresses for reports."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from mailhost.aggregate_reports.reader import LONGEST_NAME
from mailhost.aggregate_reports.received import forget_old
from mailhost.aggregate_reports.report import BadReport, check_period
from mailhost.aggregate_reports.unpack import file_of_message
from mailhost.concurrency.threads import InThread
from mailhost.dmarc_reports.database import reports_database
from mailhost.dmarc_reports.read import read_report
from mailhost.dmarc_reports.received import keep_report
from mailhost.dmarc_reports.report import AggregateReport
from mailhost.dmarc_reports.unpack import XML
from mailhost.message.content import Content


class CollectedDMARCReports:
    """A ReportKind. `data` is the data folder, `wall` gives seconds since 1970."""

    def __init__(
        self, in_thread: InThread, data: str, wall: Callable[[], float] = time.time
    ) -> None:
        self._in_thread = in_thread
        self._data = data
        self._wall = wall

    async def keep(self, content: Content, is_here: Callable[[str], bool]) -> str:
        """See ReportKind."""
        report = await self._in_thread(partial(_report_of, content))
        domain = report.published.domain
        if not is_here(domain):
            raise BadReport(f"the report is about {domain}, which is no domain of this host")
        check_period(report.begin, report.end, self._wall())
        added = await self._in_thread(partial(keep_report, self._data, report))
        again = "" if added else ", which is there already"
        by = (report.organization or report.email)[:LONGEST_NAME]
        return f"DMARC report of {by} about {domain}{again}"

    async def forget_old(self) -> None:
        """See ReportKind."""
        await self._in_thread(partial(forget_old, reports_database(self._data), self._wall()))


def _report_of(content: Content) -> AggregateReport:
    """Read the report in a message. Blocks. Raises BadReport, OSError."""
    return read_report(file_of_message(content.read(), XML))
