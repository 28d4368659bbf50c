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
    """No answer, a broken answer or SERVFAIL: worth asking again later."""


@dataclass(frozen=True, slots=True)
class MXRecord:
    """`host` is `.` reduced to the empty string for a null MX (RFC 7505)."""

    preference: int
    host: str


class IResolver(Interface):
    """DNS with typed answers. Empty sequences mean: the name exists, such records do not."""

    def mx(domain: str) -> Awaitable[Sequence[MXRecord]]:
        """MX records in no order, CNAMEs followed; those with names that no host can have are left
        out. Raises NoSuchDomain, NoPossibleHost, ResolveFailed."""

    def ipv4(name: str) -> Awaitable[Sequence[str]]:
        """A records alone, as texts, CNAMEs followed. Raises NoSuchDomain, ResolveFailed."""

    def addresses(host: str) -> Awaitable[Sequence[str]]:
        """AAAA and A records as texts, CNAMEs followed. Raises NoSuchDomain, ResolveFailed."""
