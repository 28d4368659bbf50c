"""The DKIM keys of the domains that sign here, as other parts see them: their public halves."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from zope.interface import Interface


class KeyState(StrEnum):
    """How far a key is. Its record must be in DNS in each state but REMOVABLE."""

    COMING = "coming"  # made; signs once DNS shows it
    ACTIVE = "active"  # signs
    RETIRED = "retired"  # signs no more; mail signed with it may still be on its way
    REMOVABLE = "removable"  # its record may be removed from DNS


class Shown(StrEnum):
    """The record of a key as DNS shows it."""

    YES = "shown"
    MISSING = "missing"
    DIFFERENT = "different"  # another key, several records, or one that cannot be read
    UNKNOWN = "unknown"  # not asked, or no server answered


@dataclass(frozen=True, slots=True)
class DomainKey:
    """The public half of one key of a domain. `domain` is in A-labels. `record` is the text of the
    TXT record at `name`. `made`, and `since` when it has its state, are in seconds since the
    epoch."""

    domain: str
    selector: str
    algorithm: str  # rsa, ed25519: as k= has it
    record: str
    state: KeyState
    made: int
    since: int = 0

    @property
    def name(self) -> str:
        """The name of the TXT record, without a final dot (RFC 6376 §3.6.2.1)."""
        return f"{self.selector}._domainkey.{self.domain}"


class IDomainKeys(Interface):
    """The keys of all domains that sign here."""

    def keys_of(domain: str) -> Sequence[DomainKey]:
        """Return the keys that sign for a domain, the newest first; none for a domain that does not
        sign. `domain` is in A-labels. For a subdomain that signs with the keys of its parent, they
        are those of the parent."""


class IKeyMaker(Interface):
    """Makes the first keys of domains: the head does, workers ask the head."""

    def ensure(domain: str) -> Awaitable[None]:
        """Return when a domain that signs here has keys, or when making them has failed, which was
        logged. Keys in use are never changed. Raises nothing."""
