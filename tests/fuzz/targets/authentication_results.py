"""Authentication-Results fields: whose they are, and what is left of a header section."""

from __future__ import annotations

from mailhost.message.authentication_results import (
    MethodResult,
    authserv_id,
    results_field,
    without_results_of,
)
from mailhost.message.header import fields

HOSTS = ("mx.a.example",)


def target(data: bytes) -> None:
    kept = without_results_of(data, HOSTS)
    assert without_results_of(kept, HOSTS) == kept
    assert len(list(fields(kept))) <= len(list(fields(data)))
    text = data.decode("utf-8", "replace")
    authserv_id(text)
    written = results_field("mx.a.example", [MethodResult("x", "y", [("a.b", text)], text)])
    assert len(list(fields(written))) == 1
    assert without_results_of(written, HOSTS) == b""
