"""The message that takes a report to its destination (RFC 9990 §3.5.2)."""

from __future__ import annotations

import gzip
from hashlib import sha256

from mailhost.dmarc_reports.report import AggregateReport
from mailhost.dmarc_reports.write import write_report
from mailhost.interfaces.outgoing import OwnMessage
from mailhost.message.address import Address
from mailhost.message.content import Content
from mailhost.message.ids import new_id
from mailhost.message.mime.encodings import encode_base64
from mailhost.own_messages import own_message

KIND = "DMARC report"


def report_id(hostname: str, domain: str, begin: int) -> str:
    """Return the identifier of a report. It is the same when the report is sent again."""
    return sha256(f"{hostname} {domain} {begin}".encode()).hexdigest()[:24]


def packed(report: AggregateReport) -> bytes:
    """Return the report as XML in gzip. Blocks."""
    return gzip.compress(write_report(report), mtime=0)


def compose(report: AggregateReport, file: bytes, to: Address, hostname: str) -> OwnMessage:
    """Return the message. `file` is the packed report."""
    identity = new_id()
    content = Content(((_header(report, to, hostname) + encode_base64(file)), b"\r\n--r--\r\n"))
    return own_message(to, content, identity, KIND, report.report_id, not str(to).isascii())


def _header(report: AggregateReport, to: Address, hostname: str) -> bytes:
    domain = report.published.domain
    name = f"{hostname}!{domain}!{report.begin}!{report.end}!{report.report_id}.xml.gz"
    lines = (
        f"From: DMARC reports <{report.email}>",
        f"To: <{to}>",
        f"Subject: Report Domain: {domain}",
        f" Submitter: {hostname}",
        f" Report-ID: <{report.report_id}>",
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
        'Content-Type: multipart/mixed; boundary="r"',
        "",
        "--r",
        "Content-Type: text/plain; charset=us-ascii",
        "",
        f"This is a DMARC aggregate report about {domain}",
        f"from {hostname}, see RFC 9990.",
        "",
        "--r",
        "Content-Type: application/gzip;",
        f' name="{name}"',
        "Content-Disposition: attachment;",
        f' filename="{name}"',
        "Content-Transfer-Encoding: base64",
        "",
        "",
    )
    return "\r\n".join(lines).encode()
