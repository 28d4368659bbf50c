"""The DMARC records of a domain, or the one of a domain above that applies to it."""

from __future__ import annotations

from dataclasses import dataclass

from mailhost.dmarc.record import DMARCRecord, is_dmarc
from mailhost.dmarc.walk import WalkFailed, walk
from mailhost.interfaces.dns import Found, Lookups, ask, txt_of


@dataclass(frozen=True, slots=True)
class PublishedDMARC:
    """The records of the domain itself. Where there is none, `above` is the domain whose record
    applies, and `inherited` that record; empty and None where there is none. `trouble` says why DNS
    could not be asked, empty if it could."""

    texts: tuple[bytes, ...] = ()
    above: str = ""
    inherited: DMARCRecord | None = None
    trouble: str = ""


def published_dmarc(domain: str) -> Lookups[PublishedDMARC]:
    """Look up the records of a domain, else those above it (RFC 9989 §4.10)."""
    reply = yield from ask(txt_of(f"_dmarc.{domain}"))
    if reply.found is Found.FAILED:
        return PublishedDMARC(trouble=reply.trouble or "no answer")
    texts = tuple(text for text in reply.records if is_dmarc(text))
    if texts:
        return PublishedDMARC(texts)
    try:
        above, record = (yield from walk(domain)).policy_record
    except WalkFailed as failed:
        return PublishedDMARC(trouble=str(failed))
    return PublishedDMARC(above=above if record is not None else "", inherited=record)
