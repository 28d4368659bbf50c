"""A case for greylisting, whose time the test sets."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mailhost.config.filters.block import Greylist
from mailhost.interfaces.dns import IResolver, MXRecord, NoSuchDomain, Question, Record, Reply
from mailhost.interfaces.verdict import PASS, Decision, Mail, Stage
from mailhost.reception.filters.block.greylist import GreylistFilter
from mailhost.reception.filters.block.greylist_memory import (
    GreylistMemory,
)
from tests.fakes import envelope, now, path
from tests.queue.fakes import here
from tests.reception.filters.mails import CLIENT

MAIL = Mail(Stage.RECIPIENT, CLIENT, envelope(sender="sue@far.example"), path("ann@a.example"))
MINUTE, DAY = 60.0, 86400.0


@implementer(IResolver)
class Hosts:
    """A resolver that knows the addresses of `hosts`; an exception there is raised."""

    def __init__(self) -> None:
        self.hosts: dict[str, list[str] | Exception] = {}
        self.asked: list[str] = []

    async def addresses(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        found = self.hosts.get(host, NoSuchDomain(host))
        if isinstance(found, Exception):
            raise found
        return found

    def ipv4(self, name: str) -> Awaitable[Sequence[str]]:
        raise NotImplementedError

    def mx(self, domain: str) -> Awaitable[Sequence[MXRecord]]:
        raise NotImplementedError

    def look_up(self, question: Question[Record]) -> Awaitable[Reply[Record]]:
        raise NotImplementedError


class GreylistCase(SynchronousTestCase):
    """Greylisting with the time `now`, in seconds."""

    def setUp(self) -> None:
        self.now = 1e9
        self.path = self.mktemp()
        self.memory = self.open()
        self.dns = Hosts()
        self.filter = self.make()

    def open(self) -> GreylistMemory:
        """Return another memory with the same file, as another process has."""
        memory = GreylistMemory(self.path, lambda: self.now)
        self.addCleanup(memory.close)
        return memory

    def make(self, **settings: Any) -> GreylistFilter:
        return GreylistFilter(Greylist(kind="greylist", **settings), self.memory, self.dns, here)

    def passes(self, mail: Mail = MAIL, filter: GreylistFilter | None = None) -> bool:
        """True where the mail passes; otherwise it must be deferred. The preview says the same
        before, and changes nothing."""
        filter = filter or self.filter
        asked = list(self.dns.asked)
        preview = now(filter.preview(mail))
        self.dns.asked = asked
        verdict = now(filter.look(mail))
        self.assertEqual(preview, verdict)
        if verdict is not PASS:
            self.assertIs(verdict.decision, Decision.DEFER)
            self.assertEqual(str(verdict.status)[:9], "451 4.7.1")
        return verdict is PASS
