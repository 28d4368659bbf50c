"""Finds the TLSA records of a mail host, as a machine without I/O (RFC 7672 §2.2).

They count only if DNS authenticates the whole way to them: the answer with the MX record, which the
caller knows, the answer with the addresses of the host, and the answer with the records. Without a
validating resolver on this machine no answer is authenticated, and no question is asked here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mailhost.interfaces.dns import (
    Found,
    Lookups,
    Reply,
    TLSARecord,
    ask,
    cname_of,
    ipv4_of,
    ipv6_of,
    tlsa_of,
)


@dataclass(frozen=True, slots=True)
class TLSAAnswer:
    """The answer of DNS about the TLSA records of one host and port.

    `base` is the name that they stand below (the TLSA base domain), `records` are all of them.
    `trouble` says why there is no answer: the host must not be connected to then, since an attacker
    may be the reason (RFC 7672 §2.1.2, §2.2).
    """

    base: str
    records: tuple[TLSARecord, ...] = ()
    trouble: str = ""


def find_tlsa(host: str, port: int) -> Lookups[TLSAAnswer | None]:
    """Return the TLSA records of a host that an authenticated answer names; None for a host
    without any, and for one whose addresses are not authenticated."""
    four = yield from ask(ipv4_of(host))
    six = yield from ask(ipv6_of(host))
    addresses = [each for each in (four, six) if each.found is Found.RECORDS]
    if not addresses:
        failed = next((each for each in (four, six) if each.found is Found.FAILED), None)
        return TLSAAnswer(host, trouble=_trouble(host, failed)) if failed else None
    canonical = addresses[0].canonical or host
    if all(each.secure for each in addresses):
        return (yield from _at_names(dict.fromkeys((canonical, host)), port))
    if canonical == host:
        return None
    # an alias into a zone without DNSSEC: the host's own name counts if the alias is authenticated
    alias = yield from ask(cname_of(host))
    if alias.found is Found.FAILED:
        return TLSAAnswer(host, trouble=_trouble(host, alias))
    return (yield from _at_names([host], port)) if alias.secure else None


def _at_names(bases: dict[str, None] | list[str], port: int) -> Lookups[TLSAAnswer | None]:
    """Return the records below the first name that has any. The name that aliases lead to comes
    before the host's own (RFC 7672 §2.2.2)."""
    for base in bases:
        name = f"_{port}._tcp.{base}"
        reply = yield from ask(tlsa_of(name))
        if reply.found is Found.FAILED:
            return TLSAAnswer(base, trouble=_trouble(name, reply))
        if reply.records and reply.secure:
            return TLSAAnswer(base, reply.records)
    return None


def _trouble(name: str, reply: Reply[Any]) -> str:
    return f"DNS gives no answer about {name}: {reply.trouble}"
