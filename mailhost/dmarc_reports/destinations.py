"""Finds the addresses that get a report, as a machine that asks DNS by values.

The record is asked for when the report is sent, so that an address that was withdrawn gets no more.
An address in another organizational domain must have consented in DNS (RFC 9990 §4). The largest
size that an address takes, behind a `!`, is of RFC 7489 §6.2; many records still have it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from mailhost.aggregate_reports.report import NotNow
from mailhost.dmarc.record import is_dmarc, parse_record
from mailhost.dmarc.walk import WalkFailed, walk
from mailhost.interfaces.dns import Found, Lookups, ask, is_for_tests, txt_of
from mailhost.message.address import Address, BadAddress, parse_address

MOST_DESTINATIONS = 5  # of one domain
_LONGEST_NAME = 253  # characters
_LONGEST_RECORD = 8192
_URI = re.compile(r"mailto:([^!?#]{3,400})(?:\?[^!]*)?(?:!([0-9]{1,12})([kmgt]?))?", re.IGNORECASE)
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


@dataclass(frozen=True, slots=True)
class ReportDestination:
    """An address for reports, and the largest message that it takes in octets, None for no
    limit."""

    address: Address
    largest: int | None = None

    def __str__(self) -> str:
        return str(self.address)


def find_destinations(domain: str) -> Lookups[list[ReportDestination]]:
    """Return the addresses that get reports about a policy domain, which is in A-labels. Raises
    NotNow."""
    wanted = yield from _record_at(f"_dmarc.{domain}")
    if len(wanted) != 1:
        return []
    found: dict[Address, ReportDestination] = {}
    for destination in _listed(wanted[0])[:MOST_DESTINATIONS]:
        for each in (yield from _consenting(domain, destination)):
            found.setdefault(each.address, each)
    return list(found.values())


def _record_at(name: str) -> Lookups[list[bytes]]:
    reply = yield from ask(txt_of(name))
    if reply.found is Found.FAILED:
        raise NotNow(f"{name} could not be looked up")
    return [record for record in reply.records if is_dmarc(record)]


def _listed(record: bytes) -> list[ReportDestination]:
    """Return the addresses of the tag rua that can be used. A record by which no policy can be
    applied asks for no reports."""
    if parse_record(record) is None:
        return []
    for part in record[:_LONGEST_RECORD].decode("utf-8", "replace").split(";"):
        name, _, value = part.partition("=")
        if name.strip().lower() == "rua":
            uris = [uri.strip() for uri in value.split(",")[: 4 * MOST_DESTINATIONS]]
            return [found for found in map(_destination, uris) if found is not None]
    return []


def _destination(uri: str) -> ReportDestination | None:
    match = _URI.fullmatch(uri)
    if match is None:
        return None
    try:
        address = parse_address(unquote(match[1], errors="strict"))
    except (BadAddress, UnicodeDecodeError):
        return None
    if not address.domain or address.domain.startswith("["):
        return None
    if is_for_tests(address.domain):
        return None
    return ReportDestination(
        address, int(match[2]) * _UNITS[match[3].lower()] if match[2] else None
    )


def _consenting(domain: str, wanted: ReportDestination) -> Lookups[list[ReportDestination]]:
    """Return the destination, or those that its domain names in place of it; none where its domain
    has not consented."""
    host = wanted.address.domain
    if (yield from _organization(host)) == (yield from _organization(domain)):
        return [wanted]
    name = f"{domain}._report._dmarc.{host}"
    if len(name) > _LONGEST_NAME:
        return []
    records = yield from _record_at(name)
    if not records:
        return []
    others = [found for record in records for found in _listed(record)]
    if not others:
        return [wanted]
    # an address on another host would be that of somebody who has not consented
    return others[:MOST_DESTINATIONS] if all(o.address.domain == host for o in others) else []


def _organization(domain: str) -> Lookups[str]:
    try:
        found = yield from walk(domain)
    except WalkFailed as failed:
        raise NotNow(str(failed)) from failed
    return found.organizational_domain
