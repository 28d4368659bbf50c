"""Asks the authoritative servers of a zone directly, side by side, without recursion.

The zone of a name is found by asking the resolver for the NS records of the name, and of each name
above. A server that answers, but not with authority, is reported as failed: the delegation names a
server that does not have the zone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred, TimeoutError
from twisted.names import dns
from twisted.names.error import DNSNameError
from zope.interface import implementer

from mailhost.concurrency.side_by_side import side_by_side
from mailhost.interfaces.dns import (
    AuthorityReply,
    Found,
    IAuthoritativeServers,
    IResolver,
    NoSuchDomain,
    Question,
    Record,
    Reply,
    ResolveFailed,
    ns_of,
)
from mailhost.interfaces.reactor import IReactor
from mailhost.net.dns.client import DNSClient, Response
from mailhost.net.dns.records import TYPES, can_be_asked, follow, records_of
from mailhost.net.dns.servers import PORT

MOST_SERVERS = 8  # of one zone that are asked
SECONDS = 10.0  # for one question to one server
_LAME: Reply[Any] = Reply(Found.FAILED, trouble="it does not have this zone (lame delegation)")


@implementer(IAuthoritativeServers)
class AuthoritativeServers:
    """`resolver` finds the servers. `port` returns the port at which they are asked."""

    def __init__(
        self,
        reactor: IReactor,
        resolver: IResolver,
        seconds: float = SECONDS,
        port: Callable[[], int] = lambda: PORT,
    ) -> None:
        self._reactor = reactor
        self._resolver = resolver
        self._seconds = seconds
        self._port = port

    async def ask_all(self, question: Question[Record]) -> AuthorityReply[Record]:
        if not can_be_asked(question.name):
            return AuthorityReply("", trouble="there can be no such name")
        zone, hosts, trouble = await self._servers_of(question.name.removesuffix("."))
        if not hosts:
            return AuthorityReply("", trouble=trouble)
        replies = await side_by_side(self._ask_one(host, question) for host in hosts)
        return AuthorityReply(zone, dict(zip(hosts, replies, strict=True)))

    async def _servers_of(self, name: str) -> tuple[str, Sequence[str], str]:
        """Return the zone of a name and its servers, or why they are not found."""
        zone = name.lower()
        while zone:
            reply = await self._resolver.look_up(ns_of(zone))
            if reply.found is Found.FAILED:
                return "", (), f"the servers of {zone} cannot be found: {reply.trouble}"
            if reply.records:
                return zone, sorted(set(reply.records))[:MOST_SERVERS], ""
            zone = zone.partition(".")[2]
        return "", (), f"no zone of {name} is found"

    async def _ask_one(self, host: str, question: Question[Record]) -> Reply[Record]:
        asking = Deferred.fromCoroutine(self._reply_of(host, question))
        try:
            return await asking.addTimeout(self._seconds, self._reactor)
        except TimeoutError:
            return Reply(Found.FAILED, trouble="no answer in time")

    async def _reply_of(self, host: str, question: Question[Record]) -> Reply[Record]:
        try:
            addresses = await self._resolver.addresses(host)
        except (NoSuchDomain, ResolveFailed) as error:
            return Reply(Found.FAILED, trouble=f"its address is not found: {error}")
        port = self._port()
        servers = [(each, port) for each in sorted(addresses, key=lambda each: ":" in each)]
        if not servers:
            return Reply(Found.FAILED, trouble="it has no address")
        client = DNSClient(self._reactor, lambda: servers, self._seconds * 0.9, recursion=False)
        query = dns.Query(question.name.encode("ascii"), TYPES[question.kind], dns.IN)
        try:
            response = await client.ask(query)
        except DNSNameError as error:
            return Reply(Found.NO_DOMAIN) if error.args[0].auth else _LAME
        except TimeoutError:
            return Reply(Found.FAILED, trouble="no answer in time")
        except Exception as error:  # noqa: BLE001 - twisted.names raises many kinds
            text = f"{type(error).__name__} {error}"[:100].strip()
            return Reply(Found.FAILED, trouble=text)
        return await self._read(response, question)

    async def _read(self, response: Response, question: Question[Record]) -> Reply[Record]:
        """Return the records; where a CNAME leads into another zone, those that the resolver
        has."""
        answers = [record for record in response.records if record.payload is not None]
        if not response.authoritative:
            return _LAME
        end, followed = follow(question.kind, question.name, answers)
        records = records_of(answers, end, question.kind)
        if not records and followed:
            return await self._resolver.look_up(replace(question, name=end))
        return Reply(Found.RECORDS if records else Found.NO_RECORDS, records)
