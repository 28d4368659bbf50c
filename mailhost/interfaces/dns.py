"""DNS look-ups."""

from __future__ import annotations

from collections.abc import Awaitable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Generic, Literal, TypeAlias, TypeVar

from zope.interface import Interface

Record = TypeVar("Record")
Result = TypeVar("Result")


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


@dataclass(frozen=True, slots=True)
class TLSARecord:
    """One TLSA record (RFC 6698 §2.1)."""

    usage: int
    selector: int
    matching: int
    data: bytes


@dataclass(frozen=True, slots=True)
class SRVRecord:
    """One SRV record (RFC 2782). `target` is empty for a service that is not offered, which has the
    name `.`."""

    priority: int
    weight: int
    port: int
    target: str


@dataclass(frozen=True, slots=True)
class CAARecord:
    """One CAA record (RFC 8659 §4.1). `tag` is in lower case."""

    flags: int
    tag: str
    value: str


@dataclass(frozen=True, slots=True)
class Question(Generic[Record]):
    """The records of one type at one name. Made by the functions below, which give it the type of
    its records. The name is in ASCII."""

    kind: Literal["A", "AAAA", "MX", "TXT", "PTR", "TLSA", "SRV", "NS", "CNAME", "CAA"]
    name: str


_FOR_TESTS = frozenset({"example", "test", "localhost", "invalid"})


def is_for_tests(name: str) -> bool:
    """True for names below the top-level domains of RFC 2606 §2, which are never in DNS."""
    return name.removesuffix(".").rpartition(".")[2].lower() in _FOR_TESTS


def ipv4_of(name: str) -> Question[str]:
    """Ask for A records; each is returned as the text of an address."""
    return Question("A", name)


def ipv6_of(name: str) -> Question[str]:
    """Ask for AAAA records; each is returned as the text of an address."""
    return Question("AAAA", name)


def mx_of(name: str) -> Question[MXRecord]:
    """Ask for MX records."""
    return Question("MX", name)


def txt_of(name: str) -> Question[bytes]:
    """Ask for TXT records; the strings of each record are joined (RFC 7208 §3.3)."""
    return Question("TXT", name)


def ptr_of(name: str) -> Question[str]:
    """Ask for PTR records. `name` is that of the reverse zone (`ipaddress` has it as
    `reverse_pointer`); each record is returned as a name in lower case without a final dot."""
    return Question("PTR", name)


def tlsa_of(name: str) -> Question[TLSARecord]:
    """Ask for TLSA records at a name such as `_25._tcp.mx.example.org`."""
    return Question("TLSA", name)


def srv_of(name: str) -> Question[SRVRecord]:
    """Ask for SRV records at a name such as `_imaps._tcp.example.org`."""
    return Question("SRV", name)


def caa_of(name: str) -> Question[CAARecord]:
    """Ask for CAA records at the very name `name`, or at the one that its CNAME leads to."""
    return Question("CAA", name)


def ns_of(name: str) -> Question[str]:
    """Ask for the names of the servers of the zone `name`; CNAMEs are not followed."""
    return Question("NS", name)


ROOT_SERVERS: Question[str] = Question("NS", "")
"""Ask for the servers of the root, whose answer is signed."""


def cname_of(name: str) -> Question[str]:
    """Ask for the CNAME at the very name `name`."""
    return Question("CNAME", name)


class Found(Enum):
    """The kinds of reply to a Question."""

    RECORDS = "records"
    NO_RECORDS = "no records"  # the name exists, without records of this type
    NO_DOMAIN = "no domain"  # the name does not exist, or is none that can exist
    FAILED = "failed"  # a later attempt may succeed


@dataclass(frozen=True, slots=True)
class Reply(Generic[Record]):
    """The reply of DNS to a Question.

    `secure` is true for a reply, also one without records, that a validating resolver on this
    machine has authenticated (RFC 4035 §3.2.3), and false for NO_DOMAIN. `trouble` says for the
    log why a look-up failed, or why none of the records can be used. `canonical` is the name that
    CNAMEs lead to, empty where there is none.
    """

    found: Found
    records: tuple[Record, ...] = ()
    secure: bool = False
    trouble: str = ""
    canonical: str = ""


Lookups: TypeAlias = Generator[Question[Any], Reply[Any], Result]
"""A machine without I/O that needs DNS: it yields questions, gets the reply to each, and returns
its result."""


def ask(question: Question[Record]) -> Lookups[Reply[Record]]:
    """Ask from within a machine: `reply = yield from ask(txt_of(name))`."""
    return (yield question)


class ILookUp(Interface):
    """Replies to the questions of a machine."""

    def look_up(question: Question[Record]) -> Awaitable[Reply[Record]]:
        """Return the reply to any question, with CNAMEs followed. Raises nothing."""


@dataclass(frozen=True, slots=True)
class AuthorityReply(Generic[Record]):
    """The replies of all authoritative servers of one zone, by their names. `zone` is empty, and
    there is no reply, if the servers could not be found; `trouble` says why."""

    zone: str
    replies: Mapping[str, Reply[Record]] = field(default_factory=dict)
    trouble: str = ""


class IAuthoritativeServers(Interface):
    """Asks the servers that have the zone of a name, and no cache."""

    def ask_all(question: Question[Record]) -> Awaitable[AuthorityReply[Record]]:
        """Return the reply of each server. Raises nothing."""


class IResolver(ILookUp):
    """DNS queries. The results of `mx`, `ipv4` and `addresses` are empty for a name that exists
    without such records."""

    def mx(domain: str) -> Awaitable[Sequence[MXRecord]]:
        """Return the MX records in no order, with CNAMEs followed. Records with names that no host
        can have are left out. Raises NoSuchDomain, NoPossibleHost, ResolveFailed."""

    def ipv4(name: str) -> Awaitable[Sequence[str]]:
        """Return the addresses of the A records as texts, with CNAMEs followed. Raises
        NoSuchDomain, ResolveFailed."""

    def addresses(host: str) -> Awaitable[Sequence[str]]:
        """Return the addresses of the AAAA and A records as texts, with CNAMEs followed. Raises
        NoSuchDomain, ResolveFailed."""
