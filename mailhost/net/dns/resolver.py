"""IResolver over twisted.names: bounded in time, CNAMEs followed, answers cached.

twisted.names has no typed answers and spreads its errors over many classes; here there are three
outcomes: records, NoSuchDomain, ResolveFailed. A record with a name that no host can have is
ignored, as that name would appear in replies, reports and logs. Where all MX records have such
names, NoPossibleHost quotes one of them. `records` reads the records of an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredList, TimeoutError
from twisted.names import dns
from twisted.names.error import DNSNameError
from zope.interface import implementer

from mailhost.config.model import DNS
from mailhost.interfaces.counts import LOOK_UPS, ICounts, NoCounts
from mailhost.interfaces.dns import (
    ROOT_SERVERS,
    Found,
    IResolver,
    MXRecord,
    NoPossibleHost,
    NoSuchDomain,
    Record,
    Reply,
    ResolveFailed,
)
from mailhost.interfaces.dns import Question as AnyQuestion
from mailhost.interfaces.events import count_key
from mailhost.interfaces.reactor import IReactor
from mailhost.message.address import literal_address
from mailhost.net.dns.cache import NEGATIVE_VALIDITY, AnswerCache, Answered, Question
from mailhost.net.dns.client import DNSClient, Response
from mailhost.net.dns.records import (
    TYPES,
    can_be_asked,
    follow,
    is_possible_target,
    records_of,
    refuse_impossible_hosts,
)
from mailhost.net.dns.servers import Server, SystemServers, servers_of_settings

MOST_CNAMES = 8


@implementer(IResolver)
class Resolver:
    """Asks the servers of the settings, or the system's where they name none; `servers` returns
    them. `counts` gets the results of questions that the cache has no answer to."""

    servers: Callable[[], Sequence[Server]]

    def __init__(
        self,
        reactor: IReactor,
        settings: DNS,
        system: SystemServers | None = None,
        counts: ICounts = NoCounts(),  # noqa: B008 -- without a state
    ) -> None:
        self._counts = counts
        self._reactor = reactor
        self._system = system or SystemServers()
        self._cache = AnswerCache(reactor, self._ask)
        self.reconfigure(settings)

    def reconfigure(self, settings: DNS) -> None:
        """Ask other servers from now on, and forget the answers of the former ones."""
        self._timeout = settings.timeout
        named = servers_of_settings(settings.servers)
        self.servers = (lambda: named) if named else self._system.get
        self._client = DNSClient(self._reactor, self.servers, settings.timeout)
        self._cache.clear()

    async def mx(self, domain: str) -> Sequence[MXRecord]:
        if literal_address(domain):
            return []
        return list(await self._cache.get(("MX", domain)))

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

    async def look_up(self, question: AnyQuestion[Record]) -> Reply[Record]:
        if not can_be_asked(question.name) and question != ROOT_SERVERS:
            return Reply(Found.NO_DOMAIN)
        try:
            answer = await self._cache.answer(
                (question.kind, question.name.lower().removesuffix("."))
            )
        except NoPossibleHost as error:
            return Reply(Found.NO_RECORDS, trouble=str(error))
        except ResolveFailed as failed:
            return Reply(Found.FAILED, trouble=str(failed))
        if not answer.exists:
            return Reply(Found.NO_DOMAIN)
        found = Found.RECORDS if answer.records else Found.NO_RECORDS
        return Reply(found, answer.records, answer.secure, canonical=answer.canonical)

    async def _ask(self, question: Question) -> Answered:
        """Ask the servers, and count the result. Raises ResolveFailed, NoPossibleHost."""
        result = "failed"
        try:
            answer = await self._ask_in_time(question)
            result = "found" if answer.records else "not found"
        except NoPossibleHost:
            result = "found"
            raise
        finally:
            self._counts.count(count_key(LOOK_UPS, "", result))
        return answer

    async def _ask_in_time(self, question: Question) -> Answered:
        asking = Deferred.fromCoroutine(self._ask_through_aliases(question))
        try:
            return await asking.addTimeout(self._timeout, self._reactor)
        except TimeoutError as error:
            raise ResolveFailed(f"{question[1]}: no answer from the DNS servers") from error

    async def _ask_through_aliases(self, question: Question) -> Answered:
        """Ask the servers, following CNAMEs."""
        kind, name = question
        seconds, secure, canonical = float("inf"), True, ""
        for _ in range(MOST_CNAMES):
            try:
                response = await self._query(name, TYPES[kind])
            except NoSuchDomain:
                return Answered((), NEGATIVE_VALIDITY, exists=False)
            answers = response.records
            name, followed = follow(kind, name, answers)
            if followed and not is_possible_target(kind, name):
                text = f"a CNAME leads to {ascii(name)[:100]}, which is no host name"
                raise ResolveFailed(f"{question[1]}: {text}")
            canonical = name if followed else canonical
            seconds = min([seconds, *(float(record.ttl or 0) for record in answers)])
            secure = secure and response.secure
            wanted = records_of(answers, name, kind)
            if kind == "MX" and not wanted:
                refuse_impossible_hosts(answers)
            if wanted or not followed:
                seconds = seconds if wanted else NEGATIVE_VALIDITY
                return Answered(wanted, seconds, secure=secure, canonical=canonical)
        raise ResolveFailed(f"{question[1]}: more than {MOST_CNAMES} CNAMEs in a row")

    async def _query(self, name: str, kind: int) -> Response:
        try:
            response = await self._client.ask(dns.Query(name.encode("ascii"), kind, dns.IN))
        except DNSNameError as error:
            raise NoSuchDomain(name) from error
        except (TimeoutError, CancelledError):  # `_ask` says so
            raise
        except Exception as error:
            text = f"{type(error).__name__} {error}"[:100].strip()
            raise ResolveFailed(f"{name}: the DNS servers failed ({text})") from error
        readable = [record for record in response.records if record.payload is not None]
        return replace(response, records=readable)
