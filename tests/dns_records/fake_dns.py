"""DNS in memory, for the checks of a plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zope.interface import implementer

from mailhost.interfaces.dns import (
    AuthorityReply,
    Found,
    IAuthoritativeServers,
    ILookUp,
    Question,
    Reply,
)

Records = Mapping[tuple[str, str], Any]  # by type and name: records, or FAILED


@implementer(ILookUp)
class FakeDNS:
    """Replies from `records`; FAILED for a question whose value is that."""

    def __init__(self, records: Records) -> None:
        self.records = dict(records)
        self.asked: list[Question[Any]] = []

    async def look_up(self, question: Question[Any]) -> Reply[Any]:
        self.asked.append(question)
        return self.reply(question)

    def reply(self, question: Question[Any]) -> Reply[Any]:
        """The reply to a question."""
        found = self.records.get((question.kind, question.name), ())
        if found is Found.FAILED:
            return Reply(Found.FAILED, trouble="SERVFAIL")
        if found:
            return Reply(Found.RECORDS, tuple(found))
        known = any(name == question.name for _, name in self.records)
        return Reply(Found.NO_RECORDS if known else Found.NO_DOMAIN)


@implementer(IAuthoritativeServers)
class FakeServers:
    """Servers of one zone, by name."""

    def __init__(self, **servers: FakeDNS) -> None:
        self.servers = servers

    async def ask_all(self, question: Question[Any]) -> AuthorityReply[Any]:
        if not self.servers:
            return AuthorityReply("", trouble="no server")
        replies = {name: server.reply(question) for name, server in self.servers.items()}
        return AuthorityReply("example.com", replies)
