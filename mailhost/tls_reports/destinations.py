"""Finds where a report about TLS goes, as a machine that asks DNS by values (RFC 8460 §3).

The record is asked for when the report is sent, so that a destination that was withdrawn gets no
more. No consent of another domain is asked for: RFC 8460 has none, since a report is caused only by
mail that this host itself sends.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from mailhost.aggregate_reports.report import NotNow
from mailhost.interfaces.dns import Found, Lookups, ask, is_for_tests, txt_of
from mailhost.message.address import Address, BadAddress, parse_address

MOST_DESTINATIONS = 5  # of one domain
_LONGEST_RECORD = 8192  # octets
_VERSION = re.compile(rb"v=TLSRPTv1[ \t]*;")
_MAIL = re.compile(r"mailto:([^!?#]{3,400})(?:\?.*)?", re.IGNORECASE)
_WEB = re.compile(r"https://[!-~]{1,1000}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class MailDestination:
    """An address that takes reports by mail."""

    address: Address

    def __str__(self) -> str:
        return f"mailto:{self.address}"


@dataclass(frozen=True, slots=True)
class WebDestination:
    """A URL that takes reports by POST."""

    url: str

    def __str__(self) -> str:
        return self.url


ReportDestination = MailDestination | WebDestination


def record_name(domain: str) -> str:
    """Return the name at which the record of a domain stands."""
    return f"_smtp._tls.{domain}"


def find_destinations(domain: str) -> Lookups[list[ReportDestination]]:
    """Return where reports to a domain go, which is in A-labels; without exactly one record they go
    nowhere. Raises NotNow."""
    name = record_name(domain)
    reply = yield from ask(txt_of(name))
    if reply.found is Found.FAILED:
        raise NotNow(f"{name} cannot be looked up: {reply.trouble or 'no answer'}")
    records = [record for record in reply.records if _VERSION.match(record)]
    if len(records) != 1 or len(records[0]) > _LONGEST_RECORD:
        return []
    return listed(records[0])


def listed(record: bytes) -> list[ReportDestination]:
    """Return the destinations of a record that can be used. Unknown fields are ignored."""
    fields = (field.partition("=") for field in record.decode("utf-8", "replace").split(";"))
    lists = [value.split(",") for name, _, value in fields if name.strip() == "rua"]
    uris = lists[0][: 4 * MOST_DESTINATIONS] if lists else []
    found = dict.fromkeys(_destination(uri.strip()) for uri in uris)
    return [each for each in found if each is not None][:MOST_DESTINATIONS]


def _destination(uri: str) -> ReportDestination | None:
    mail = _MAIL.fullmatch(uri)
    if mail is not None:
        return _mail(mail[1])
    return _web(uri) if _WEB.fullmatch(uri) else None


def _mail(text: str) -> MailDestination | None:
    try:
        address = parse_address(unquote(text, errors="strict"))
    except (BadAddress, UnicodeDecodeError):
        return None
    if not address.domain or address.domain.startswith("[") or is_for_tests(address.domain):
        return None
    return MailDestination(address)


def _web(uri: str) -> WebDestination | None:
    try:
        parts = urlsplit(uri)
        parts.port  # noqa: B018 - raises ValueError for one that is none
    except ValueError:
        return None
    host = parts.hostname or ""
    if "." not in host or parts.username is not None or is_for_tests(host):
        return None
    return WebDestination(uri)
