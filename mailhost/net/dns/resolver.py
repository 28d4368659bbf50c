"""IResolver over twisted.names: bounded in time, CNAMEs followed, answers cached.

twisted.names has no typed answers and spreads its errors over many classes; here there are three
outcomes: records, NoSuchDomain, ResolveFailed.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv6Address
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, TimeoutError
from twisted.names import client, dns
from twisted.names.error import DNSNameError
from zope.interface import implementer

from mailhost.config.model import DNS
from mailhost.config.types import split_host_port
from mailhost.interfaces import IResolver, MXRecord, NoSuchDomain, ResolveFailed
from mailhost.message.address import literal_address
from mailhost.net.dns.cache import NEGATIVE, AnswerCache, Answered, Question

MOST_CNAMES = 8
_TYPES = {"MX": dns.MX, "A": dns.A, "AAAA": dns.AAAA}
_SHARES = (0.1, 0.25, 0.65)  # of the time for a question, for its first, second and last try


@implementer(IResolver)
class Resolver:
    """Asks the servers of the settings, or the system's where they name none."""

    def __init__(self, reactor: Any, settings: DNS) -> None:
        self._reactor = reactor
        self._cache = AnswerCache(reactor, self._ask)
        self.replace_settings(settings)

    def replace_settings(self, settings: DNS) -> None:
        """Take other servers; what was learnt from the old ones is forgotten."""
        self._timeout = settings.timeout
        tries = [max(settings.timeout * share, 0.05) for share in _SHARES]
        servers = [split_host_port(server, dns.PORT) for server in settings.servers]
        system = None if servers else "/etc/resolv.conf"
        self._resolver = client.Resolver(
            resolv=system, servers=servers or None, timeout=tries, reactor=self._reactor
        )
        self._cache.clear()

    async def mx(self, domain: str) -> Sequence[MXRecord]:
        records = await self._cache.get(("MX", domain))
        return [_mx_record(text) for text in records]

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
        """Ask the servers, following CNAMEs."""
        kind, name = question
        seconds = float("inf")
        for _ in range(MOST_CNAMES):
            try:
                answers = await self._query(name, _TYPES[kind])
            except NoSuchDomain:
                return Answered((), NEGATIVE, exists=False)
            name, followed = _follow(name, answers)
            seconds = min([seconds, *(float(record.ttl or 0) for record in answers)])
            records = [record for record in answers if _named(record, name)]
            wanted = [_text(record) for record in records if record.type == _TYPES[kind]]
            if wanted or not followed:
                return Answered(tuple(wanted), seconds if wanted else NEGATIVE)
        raise ResolveFailed(f"{question[1]}: more than {MOST_CNAMES} CNAMEs in a row")

    async def _query(self, name: str, kind: int) -> list[Any]:
        query = dns.Query(name.encode("ascii"), kind, dns.IN)
        asked: Deferred[Any] = self._resolver.query(query)
        asked.addTimeout(self._timeout, self._reactor)
        try:
            answers, _, _ = await asked
        except DNSNameError as error:
            raise NoSuchDomain(name) from error
        except TimeoutError as error:
            raise ResolveFailed(f"{name}: no answer from the DNS servers") from error
        except Exception as error:
            words = type(error).__name__
            raise ResolveFailed(f"{name}: the DNS servers failed ({words})") from error
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


def _named(record: Any, name: str) -> bool:
    return _name(record.name) == name.lower().rstrip(".")


def _name(name: Any) -> str:
    return str(name).lower().rstrip(".")


def _text(record: Any) -> str:
    """A record as text: an address, or `preference host`."""
    payload = record.payload
    if record.type == dns.MX:
        return f"{payload.preference} {_name(payload.name)}"
    return str(payload.dottedQuad() if record.type == dns.A else IPv6Address(payload.address))


def _mx_record(text: str) -> MXRecord:
    preference, _, host = text.partition(" ")
    return MXRecord(int(preference), host)
