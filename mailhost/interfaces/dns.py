"""DNS look-ups."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass

from zope.interface import Interface


class NoSuchDomain(Exception):
    """The name does not exist (NXDOMAIN). Asking again does not help."""


class NoPossibleHost(Exception):
    """The domain has MX records, and none has a name that a host can have; the text of the
    exception quotes one."""


class ResolveFailed(Exception):
    """There was no answer, a malformed answer, or SERVFAIL. Asking again later may help."""


@dataclass(frozen=True, slots=True)
class MXRecord:
    """One MX record. `host` is empty for a null MX, which has the name `.` (RFC 7505)."""

    preference: int
    host: str


class IResolver(Interface):
    """DNS queries for one type of record each. An empty result means that the name exists without
    such records."""

    def mx(domain: str) -> Awaitable[Sequence[MXRecord]]:
        """Return the MX records in no order, with CNAMEs followed. Records with names that no host
        can have are left out. Raises NoSuchDomain, NoPossibleHost, ResolveFailed."""

    def ipv4(name: str) -> Awaitable[Sequence[str]]:
        """Return the addresses of the A records as texts, with CNAMEs followed. Raises
        NoSuchDomain, ResolveFailed."""

    def addresses(host: str) -> Awaitable[Sequence[str]]:
        """Return the addresses of the AAAA and A records as texts, with CNAMEs followed. Raises
        NoSuchDomain, ResolveFailed."""
