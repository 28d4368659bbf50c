"""A DMARC report: its message, its packing, its XML."""

from __future__ import annotations

from mailhost.aggregate_reports.report import BadReport
from mailhost.aggregate_reports.unpack import file_of_message, unpack
from mailhost.dmarc_reports.read import read_report
from mailhost.dmarc_reports.unpack import XML


def target(data: bytes) -> None:
    for reading in (file_of_message, unpack):
        try:
            xml = reading(data, XML)
            report = read_report(data if xml is None else xml)
        except BadReport as bad:
            assert str(bad)
            continue
        assert report.rows and report.published.domain and report.report_id
        assert report.organization.isprintable() and report.report_id.isprintable()
