"""The message that takes a report about TLS to its destination (RFC 8460 §5)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mailhost.aggregate_reports.mail import ReportMail, compose
from mailhost.interfaces.outgoing import OwnMessage
from mailhost.message.address import Address
from mailhost.message.tls_demand import TLSDemand
from mailhost.tls_reports.report import TLSReport
from mailhost.tls_reports.write import packed

KIND = "TLS report"
MEDIA_TYPE = "application/tlsrpt+gzip"


@dataclass(frozen=True, slots=True)
class PackedReport:
    """A report and its file: JSON in gzip."""

    report: TLSReport
    file: bytes


def pack(report: TLSReport) -> PackedReport:
    """Return the report with its file. Blocks."""
    return PackedReport(report, packed(report))


def compose_mail(made: PackedReport, to: Address, hostname: str) -> OwnMessage:
    """Return the message to one address.

    The message is to arrive also where TLS fails, since it may be the one that says so: it demands
    no TLS, on its whole way (RFC 8460 §3, RFC 8689 §3).
    """
    message = compose(_mail(made, hostname), to)
    return replace(message, envelope=replace(message.envelope, tls=TLSDemand.OPTIONAL))


def _mail(made: PackedReport, hostname: str) -> ReportMail:
    report = made.report
    unique = report.report_id.partition("@")[0]
    return ReportMail(
        kind=KIND,
        author=f"postmaster@{hostname}",
        domain=report.domain,
        submitter=hostname,
        report_id=report.report_id,
        fields=(
            f"TLS-Report-Domain: {report.domain}",
            f"TLS-Report-Submitter: {hostname}",
            "TLS-Required: No",
        ),
        container='multipart/report; report-type="tlsrpt"',
        text=(
            f"This is a report about TLS sessions with hosts of {report.domain}",
            f"from {hostname}, see RFC 8460.",
        ),
        media_type=MEDIA_TYPE,
        file_name=f"{hostname}!{report.domain}!{report.begin}!{report.end}!{unique}.json.gz",
        file=made.file,
    )
