"""A report about TLS: its message, its packing, its JSON."""

from __future__ import annotations

from mailhost.aggregate_reports.report import BadReport
from mailhost.aggregate_reports.unpack import file_of_message, unpack
from mailhost.tls_reports.read import read_report
from mailhost.tls_reports.unpack import JSON
from mailhost.tls_reports.write import write_report


def target(data: bytes) -> None:
    for reading in (file_of_message, unpack):
        try:
            text = reading(data, JSON)
            report = read_report(data if text is None else text)
        except BadReport as bad:
            assert str(bad)
            continue
        assert report.results and report.domain and report.report_id
        assert report.organization.isprintable() and report.report_id.isprintable()
        if 0 <= report.begin <= report.end < 1 << 37:  # years of four digits
            assert read_report(write_report(report)) == report
