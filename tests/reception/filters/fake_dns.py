"""A resolver for lists in the DNS."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer

from mailhost.interfaces.dns import IResolver, MXRecord, NoSuchDomain, Question, Record, Reply


@implementer(IResolver)
class DNS:
    """A resolver with answers by name; an answer may be an exception or a Deferred."""

    def __init__(self, **answers: Any) -> None:
        self.answers = {name.replace("_", "."): answer for name, answer in answers.items()}
        self.asked: list[str] = []

    def ipv4(self, name: str) -> Awaitable[Sequence[str]]:
        self.asked.append(name)
        found = self.answers.get(name, NoSuchDomain(name))
        if isinstance(found, Deferred):
            return found
        return fail(found) if isinstance(found, Exception) else succeed(found)

    def addresses(self, host: str) -> Awaitable[Sequence[str]]:
        return fail(NoSuchDomain(host))  # so there is no pool

    def mx(self, domain: str) -> Awaitable[Sequence[MXRecord]]:
        raise AssertionError("only A records are a list's")

    def look_up(self, question: Question[Record]) -> Awaitable[Reply[Record]]:
        raise NotImplementedError
