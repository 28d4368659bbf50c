"""The SPF records at a name, and what they say about addresses of strangers."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from mailhost.interfaces.dns import Lookups, Reply, ask, txt_of
from mailhost.spf.check import SPFResult, SPFStatus, check_host
from mailhost.spf.record import is_spf

# of networks for documentation (RFC 5737, RFC 3849): no record has a reason to name them
STRANGERS = {4: "203.0.113.254", 6: "2001:db8:dead:beef::1"}


@dataclass(frozen=True, slots=True)
class PublishedSPF:
    """The `reply` to the question for TXT records, and those that are SPF records. `strangers` are
    the results for strangers, if there is exactly one record."""

    reply: Reply[bytes]
    texts: tuple[bytes, ...]
    strangers: tuple[SPFResult, ...] = ()


def published_spf(name: str, hello: str, families: Container[int]) -> Lookups[PublishedSPF]:
    """Look up the records at a name, and evaluate one that stands alone, for a client that greets
    as `hello`. Permanent errors count for the IP versions `families` alone: a record may have
    faults for IPv6 alone, as more names are without addresses there."""
    reply = yield from ask(txt_of(name))
    texts = tuple(text for text in reply.records if is_spf(text))
    results = []
    if len(texts) == 1:
        for version, stranger in STRANGERS.items():
            result = yield from spf_result(stranger, name, hello)
            if version in families or result.status is not SPFStatus.PERMERROR:
                results.append(result)
    return PublishedSPF(reply, texts, tuple(results))


def spf_result(address: str, name: str, hello: str) -> Lookups[SPFResult]:
    """Return what the record at a name says about mail from an address."""
    return (yield from check_host(address, name, "postmaster", hello))
