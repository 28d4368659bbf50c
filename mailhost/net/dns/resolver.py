"""IResolver over twisted.names: bounded in time, CNAMEs followed, answers cached.

twisted.names has no typed answers and spreads its errors over many classes; here there are three
outcomes: records, NoSuchDomain, ResolveFailed. A record with a name that no host can have is
ignored, as that name would appear in replies, reports and logs. Where all MX records have such
names, NoPossibleHost quotes one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv6Address
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredList, TimeoutError
from twisted.names import dns
from twisted.names.error import DNSNameError
from zope.interface import implementer

from mailhost.config.model import DNS
from mailhost.interfaces.dns import IResolver, MXRecord, NoPossibleHost, NoSuchDomain, ResolveFailed
from mailhost.interfaces.reactor import IReactor
from mailhost.message.address import BadAddress, literal_address, parse_domain
from mailhost.net.dns.cache import NEGATIVE_VALIDITY, AnswerCache, Answered, Question
from mailhost.net.dns.client import DNSClient
from mailhost.net.dns.servers import SystemServers, servers_of_settings

MOST_CNAMES = 8
MOST_RECORDS = 64  # of one answer that are kept
_TYPES = {"MX": dns.MX, "A": dns.A, "AAAA": dns.AAAA}


@implementer(IResolver)
class Resolver:
    """Asks the servers of the settings, or the system's where they name none."""

    def __init__(
        self, reactor: IReactor, settings: DNS, system: SystemServers | None = None
    ) -> None:
        self._reactor = reactor
        self._system = system or SystemServers()
        self._cache = AnswerCache(reactor, self._ask)
        self.reconfigure(settings)

    def reconfigure(self, settings: DNS) -> None:
        """Ask other servers from now on, and forget the answers of the former ones."""
        self._timeout = settings.timeout
        named = servers_of_settings(settings.servers)
        find = (lambda: named) if named else self._system.get
        self._client = DNSClient(self._reactor, find, settings.timeout)
        self._cache.clear()

    async def mx(self, domain: str) -> Sequence[MXRecord]:
        if literal_address(domain):
            return []
        return [_mx_record(text) for text in await self._cache.get(("MX", domain))]

    async def ipv4(self, name: str) -> Sequence[str]:
        return await self._cache.get(("A", name))

    async def addresses(self, host: str) -> Sequence[str]:
        literal = literal_address(host)
        if literal is not None:
            return [literal]
        questions = [self._cache.get((kind, host)) for kind in ("AAAA", "A")]
        results: list[tuple[bool, Any]] = await DeferredList(
            [Deferred.fromCoroutine(question) for question in questions], consumeErrors=True
        )
        found = [address for good, records in results if good for address in records]
        failed = [failure.value for good, failure in results if not good]
        if not found and failed:
            # "there is none" from one family says nothing while the other could not be asked
            raise next((e for e in failed if isinstance(e, ResolveFailed)), failed[0])
        return found

    async def _ask(self, question: Question) -> Answered:
        """Ask the servers. Raises ResolveFailed, NoPossibleHost."""
        asking = Deferred.fromCoroutine(self._ask_through_aliases(question))
        try:
            return await asking.addTimeout(self._timeout, self._reactor)
        except TimeoutError as error:
            raise ResolveFailed(f"{question[1]}: no answer from the DNS servers") from error

    async def _ask_through_aliases(self, question: Question) -> Answered:
        """Ask the servers, following CNAMEs."""
        kind, name = question
        seconds = float("inf")
        for _ in range(MOST_CNAMES):
            try:
                answers = await self._query(name, _TYPES[kind])
            except NoSuchDomain:
                return Answered((), NEGATIVE_VALIDITY, exists=False)
            name, followed = _follow(name, answers)
            if followed and not _is_possible_host(name):
                text = f"a CNAME leads to {ascii(name)[:100]}, which is no host name"
                raise ResolveFailed(f"{question[1]}: {text}")
            seconds = min([seconds, *(float(record.ttl or 0) for record in answers)])
            wanted = _records(answers, name, _TYPES[kind])
            if kind == "MX" and not wanted:
                _refuse_impossible_hosts(answers)
            if wanted or not followed:
                return Answered(wanted, seconds if wanted else NEGATIVE_VALIDITY)
        raise ResolveFailed(f"{question[1]}: more than {MOST_CNAMES} CNAMEs in a row")

    async def _query(self, name: str, kind: int) -> list[Any]:
        try:
            query = dns.Query(name.encode("ascii"), kind, dns.IN)
            answers, _, _ = await self._client.ask(query)
        except DNSNameError as error:
            raise NoSuchDomain(name) from error
        except (TimeoutError, CancelledError):  # `_ask` says so
            raise
        except Exception as error:
            text = f"{type(error).__name__} {error}"[:100].strip()
            raise ResolveFailed(f"{name}: the DNS servers failed ({text})") from error
        return [record for record in answers if record.payload is not None]


def _follow(name: str, answers: Sequence[Any]) -> tuple[str, bool]:
    """Return the name at the end of the CNAMEs in an answer, and whether there were any."""
    aliases = {
        _name(record.name): _name(record.payload.name)
        for record in answers
        if record.type == dns.CNAME
    }
    end, seen = name.lower().rstrip("."), set[str]()
    while end in aliases and end not in seen:
        seen.add(end)
        end = aliases[end]
    return end, bool(seen)


def _records(answers: Sequence[Any], name: str, kind: int) -> tuple[str, ...]:
    """The records of one kind and name as texts, MX records by preference."""
    found = [each for each in answers if each.type == kind and _name(each.name) == name]
    if kind == dns.MX:
        found = [each for each in found if _is_possible_host(_name(each.payload.name))]
        found.sort(key=lambda each: int(each.payload.preference))
    return tuple(map(_text, found[:MOST_RECORDS]))


def _refuse_impossible_hosts(answers: Sequence[Any]) -> None:
    """Raise NoPossibleHost where an answer without a usable MX record has others."""
    for record in answers:
        if record.type == dns.MX:
            raise NoPossibleHost(f"{ascii(_name(record.payload.name))[:100]} is no host name")


def _is_possible_host(host: str) -> bool:
    """True for a name that a host can have, and for the empty one of a null MX."""
    try:
        return not host or parse_domain(host) == host
    except BadAddress:
        return False


def _name(name: Any) -> str:
    """A name as text; octets outside ASCII make it none that is looked for."""
    return str(name.name.decode("latin-1")).lower().rstrip(".")


def _text(record: Any) -> str:
    """A record as text: an address, or `preference host`."""
    payload = record.payload
    if record.type == dns.MX:
        return f"{payload.preference} {_name(payload.name)}"
    return str(payload.dottedQuad() if record.type == dns.A else IPv6Address(payload.address))


def _mx_record(text: str) -> MXRecord:
    preference, _, host = text.partition(" ")
    return MXRecord(int(preference), host)
