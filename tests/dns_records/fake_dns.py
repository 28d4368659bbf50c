"""Authoritative servers in memory, for the checks of a plan."""

from __future__ import annotations

from typing import Any

from zope.interface import implementer

from mailhost.interfaces.dns import (
    AuthorityReply,
    IAuthoritativeServers,
    Question,
)
from tests.lookups import RecordsLookUp


@implementer(IAuthoritativeServers)
class FakeServers:
    """Servers of one zone, by name."""

    def __init__(self, **servers: RecordsLookUp) -> None:
        self.servers = servers

    async def ask_all(self, question: Question[Any]) -> AuthorityReply[Any]:
        if not self.servers:
            return AuthorityReply("", trouble="no server")
        replies = {name: server.reply(question) for name, server in self.servers.items()}
        return AuthorityReply("example.com", replies)
