"""The DKIM keys of the domains that sign here, as other parts see them: their public halves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from zope.interface import Interface


class KeyState(StrEnum):
    """How far a key is. Its record must be in DNS in each state but REMOVABLE."""

    COMING = "coming"  # made; signs once DNS shows it
    ACTIVE = "active"  # signs
    RETIRED = "retired"  # signs no more; mail signed with it may still be on its way
    REMOVABLE = "removable"  # its record may be removed from DNS


@dataclass(frozen=True, slots=True)
class DomainKey:
    """The public half of one key of a domain. `domain` is in A-labels. `record` is the text of the
    TXT record at `name`. `made` is in seconds since the epoch."""

    domain: str
    selector: str
    algorithm: Literal["rsa", "ed25519"]
    record: str
    state: KeyState
    made: int

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
