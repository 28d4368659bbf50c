"""Machines that need DNS, with the answers at hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred
from zope.interface import implementer

from mailhost.interfaces.dns import Found, ILookUp, Lookups, Question, Record, Reply, Result

Records = Mapping[tuple[str, str], Any]


@implementer(ILookUp)
class RecordsLookUp:
    """Replies from `records`, which are as for `answered`. With `secure`, DNSSEC authenticates
    them."""

    def __init__(self, records: Records, secure: bool = False) -> None:
        self.records = dict(records)
        self.secure = secure
        self.asked: list[tuple[str, str]] = []

    async def look_up(self, question: Question[Record]) -> Reply[Record]:
        self.asked.append((question.kind, question.name))
        return self.reply(question)

    def reply(self, question: Question[Any]) -> Reply[Any]:
        """The reply to a question, which does not count as asked."""
        reply = _reply(question, self.records)
        return replace(reply, secure=self.secure and reply.found is not Found.NO_DOMAIN)


@implementer(ILookUp)
class SilentLookUp:
    """Never replies."""

    async def look_up(self, question: Question[Record]) -> Reply[Record]:
        return await Deferred()


def answered(
    machine: Lookups[Result], records: Records, asked: list[Question[Any]] | None = None
) -> Result:
    """Return the result of a machine. `records` has a list of records, or a Found, for a type and a
    name in lower case; other names do not exist. Each question is added to `asked`."""
    try:
        question = next(machine)
        while True:
            if asked is not None:
                asked.append(question)
            question = machine.send(_reply(question, records))
    except StopIteration as end:
        result: Result = end.value
        return result


def _reply(question: Question[Any], records: Records) -> Reply[Any]:
    name = question.name.lower().removesuffix(".")
    found = records.get((question.kind, name))
    if isinstance(found, Found):
        return Reply(found, trouble="SERVFAIL" if found is Found.FAILED else "")
    if found:
        return Reply(Found.RECORDS, tuple(found))
    exists = found is not None or any(each == name for _, each in records)
    return Reply(Found.NO_RECORDS if exists else Found.NO_DOMAIN)
