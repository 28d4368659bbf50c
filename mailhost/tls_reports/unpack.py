"""The form of the files with reports about TLS (RFC 8460 §5.3)."""

from __future__ import annotations

from mailhost.aggregate_reports.unpack import FileForm

JSON = FileForm(
    types=("application/",),
    names=(".json", ".json.gz", ".gz", ".zip"),
    starts=(b"{",),
    end=b"}",
    largest=1_000_000,
)
