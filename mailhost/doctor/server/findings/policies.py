"""Findings about what a mail server offers to hosts that demand TLS: certificates that fit its TLSA
records (DANE, RFC 7672), and REQUIRETLS (RFC 8689)."""

from __future__ import annotations

from collections.abc import Iterator

from mailhost.dane.matching import problems
from mailhost.dane.records import text_of, usable
from mailhost.doctor.finding import Fault, failure, ok, warning
from mailhost.doctor.server.findings.note import NO_TITLE, Note
from mailhost.doctor.server.record import Record
from mailhost.doctor.server.survey import Surveyed

TLSA_MISMATCH = Fault(
    "tlsa-mismatch",
    "Hosts that check DANE do not deliver to a server whose certificate fits no TLSA record.",
)
_REQUIRETLS = "REQUIRETLS"
_WHAT = "TLSA records"


def policy_notes(surveyed: Surveyed) -> Iterator[Note]:
    """Yield the notes about ports at which servers get mail from each other."""
    for record in surveyed.records:
        if record.place.service.between_servers and record.tls is not None and record.works:
            yield _requiretls(record)
            if surveyed.tlsa is not None and record.tls.certificate is not None:
                yield from _tlsa(surveyed, record)


def _requiretls(record: Record) -> Note:
    lines = record.secured.lines if record.secured is not None else ()
    offered = any(line.upper() == _REQUIRETLS for line in lines)
    seen = "offered" if offered else "not offered: senders cannot demand TLS for the whole way"
    return Note(record.place, ok(NO_TITLE, seen), _REQUIRETLS)


def _tlsa(surveyed: Surveyed, record: Record) -> Iterator[Note]:
    """Compare the certificate with the records; a server need not have any."""
    assert surveyed.tlsa is not None and record.tls is not None  # as the caller has seen
    certificate, records = record.tls.certificate, usable(surveyed.tlsa.records)
    if certificate is None or not records:
        return
    found = problems(records, (record.place.host,), certificate.chain)
    shown = ", ".join(f"{text_of(each)[:22]}..." for each in records)
    if not found:
        yield Note(record.place, ok(NO_TITLE, f"the certificate fits {shown}"), _WHAT)
        return
    make = failure if surveyed.tlsa.secure else warning
    effect = "" if surveyed.tlsa.secure else " (senders use them only with DNSSEC)"
    remedy = (
        "The operator of the server publishes a record for the key in use, as 3 1 1, or removes "
        "the records."
    )
    text = f"{found[0].text}: {shown}{effect}"
    yield Note(record.place, make(TLSA_MISMATCH, NO_TITLE, text, remedy), _WHAT)
