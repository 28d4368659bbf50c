"""The message that takes a DMARC report to its destination (RFC 9990 §3.5.2)."""

from __future__ import annotations

import gzip

from mailhost.aggregate_reports.mail import ReportMail
from mailhost.dmarc_reports.report import AggregateReport
from mailhost.dmarc_reports.write import write_report

KIND = "DMARC report"


def packed(report: AggregateReport) -> bytes:
    """Return the report as XML in gzip. Blocks."""
    return gzip.compress(write_report(report), mtime=0)


def mail_of(report: AggregateReport, file: bytes, hostname: str) -> ReportMail:
    """Return the message for any address. `file` is the packed report."""
    domain, begin, end = report.published.domain, report.begin, report.end
    return ReportMail(
        kind=KIND,
        author=report.email,
        domain=domain,
        submitter=hostname,
        report_id=report.report_id,
        fields=(),
        container="multipart/mixed",
        text=(
            f"This is a DMARC aggregate report about {domain}",
            f"from {hostname}, see RFC 9990.",
        ),
        media_type="application/gzip",
        file_name=f"{hostname}!{domain}!{begin}!{end}!{report.report_id}.xml.gz",
        file=file,
    )
