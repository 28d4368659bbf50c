"""The plan of a domain as values: records that DNS should have, each with its purpose."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Literal, TypeAlias

from mailhost.dns_records.facts import Authority
from mailhost.message.domains import is_at_or_below
from mailhost.mta_sts.policy import STSPolicy

Kind: TypeAlias = Literal["A", "AAAA", "MX", "TXT", "SRV", "PTR", "CNAME", "TLSA", "CAA"]


class Topic(StrEnum):
    """The subject of a record; the records of one topic are checked together."""

    ADDRESS = "address"
    REVERSE = "reverse name"
    MAIL = "MX"
    SPF = "SPF"
    DKIM = "DKIM"
    DMARC = "DMARC"
    REPORTS = "DMARC reports"
    SERVICE = "services"
    WEB = "web names"
    MTA_STS = "MTA-STS"
    STS_HOSTS = "MTA-STS policy"
    TLS_RPT = "TLS reports"
    TLSA = "TLSA"
    CAA = "CAA"
    SERVERS = "DNS servers"


class Place(Enum):
    """The zone that a record belongs to, seen from the domain of the plan."""

    DOMAIN = "domain"
    ELSEWHERE = "elsewhere"  # another zone, mostly that of the host's own name
    REVERSE = "reverse"  # the zone of an address, which its provider manages


@dataclass(frozen=True, slots=True)
class PlannedRecord:
    """One record. `name` is in A-labels, without a final dot. `data` is in the form of zone files;
    that of a TXT record is its text, undivided and without quotes."""

    name: str
    kind: Kind
    data: str
    topic: Topic
    purpose: str

    def place(self, domain: str) -> Place:
        """Return where the record stands if `domain` has a zone of its own."""
        if self.kind == "PTR":
            return Place.REVERSE
        return Place.DOMAIN if is_at_or_below(self.name, domain) else Place.ELSEWHERE


@dataclass(frozen=True, slots=True)
class DNSPlan:
    """The records of a domain, and notes: sentences on what the plan cannot know, or what the
    operator has to do besides. `signer` is the domain by whose keys its mail is signed, empty if it
    is not signed. `authority` issues the certificates by ACME, `sts` is the policy of
    MTA-STS that this host serves for the domain."""

    domain: str
    hostname: str
    signer: str
    records: tuple[PlannedRecord, ...]
    notes: tuple[str, ...] = ()
    authority: Authority | None = None
    sts: STSPolicy | None = None

    def at(self, place: Place) -> Iterator[PlannedRecord]:
        """Yield the records that belong to one place."""
        return (record for record in self.records if record.place(self.domain) is place)

    def about(self, topic: Topic) -> list[PlannedRecord]:
        """Return the records of one topic."""
        return [record for record in self.records if record.topic is topic]
