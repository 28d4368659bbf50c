"""The DNS questions about one message: each is asked once, and none about reserved names."""

from __future__ import annotations

from typing import Any

from zope.interface import implementer

from mailhost.interfaces.dns import Found, ILookUp, Question, Record, Reply

RESERVED = frozenset({"example", "test", "localhost", "invalid"})  # top-level domains, RFC 6761


@implementer(ILookUp)
class NoDNS:
    """Replies to every question that the name does not exist."""

    async def look_up(self, question: Question[Record]) -> Reply[Record]:
        return Reply(Found.NO_DOMAIN)


@implementer(ILookUp)
class MessageQuestions:
    """Keeps the replies of `resolver` while one message is examined, also those that the cache of
    the resolver does not keep. Questions at the same time are the concern of the resolver."""

    def __init__(self, resolver: ILookUp) -> None:
        self._resolver = resolver
        self._replies: dict[Question[Any], Reply[Any]] = {}

    async def look_up(self, question: Question[Record]) -> Reply[Record]:
        question = Question(question.kind, question.name.lower().removesuffix("."))
        if question.name.rpartition(".")[2] in RESERVED:
            return Reply(Found.NO_DOMAIN)
        reply: Reply[Record] | None = self._replies.get(question)
        if reply is None:
            reply = self._replies[question] = await self._resolver.look_up(question)
        return reply
