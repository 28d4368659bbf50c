"""The form of the files with reports of DMARC (RFC 9990 §3.5.2, RFC 7489 §7.2.1.1)."""

from __future__ import annotations

from mailhost.aggregate_reports.unpack import FileForm

XML = FileForm(
    types=("application/", "text/xml"),
    names=(".xml", ".xml.gz", ".gz", ".zip"),
    starts=(b"<", b"\xff\xfe<", b"\xfe\xff\x00<"),
    end=b">",
    largest=30_000_000,
)
