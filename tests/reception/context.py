"""A case for the reception of the host, with fake services behind it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from mailhost.concurrency.threads import InThread
from mailhost.interfaces.reception import ICollector, ITransaction
from mailhost.message.client import Client, TLSState
from mailhost.message.envelope import Envelope
from mailhost.message.status import Status
from mailhost.reception.context import ListenerContext
from mailhost.reception.reception import Reception
from mailhost.reception.rules import Rules
from mailhost.reception.stopped import StoppedAddresses
from mailhost.routing import Router
from mailhost.store.quota import quotas_of
from tests.fakes import (
    FakeDirectory,
    FakeHandover,
    RecordingEvents,
    address,
    domain,
    now,
    outgoing_of,
    path,
    view_of,
)
from tests.memory_store import MemoryStore
from tests.queue.fakes import here

UNKNOWN_CLIENT = Client("192.0.2.7", 4711, hello="far.example", extended=True)
TLS = TLSState("TLSv1.3", "TLS_AES_128_GCM_SHA256")
ANN = replace(UNKNOWN_CLIENT, protocol="submission", tls=TLS, account=address("ann@a.example"))
VIEW = view_of(
    domain("a.example", "ann bob jörg", {"team": "ann bob", "sales": "bob"}),
    domain("b.example", "kit", catch_all="ann@a.example"),
    also_example="a.example",
)
ADMIN = address("ann@a.example")
WITHOUT_ANN = view_of(domain("a.example", "bob"))
MESSAGE = b"From: sue@far.example\r\nSubject: hello\r\n\r\nhello\r\n"
NOW = 1_700_000_000.0


class ReceptionCase(SynchronousTestCase):
    """`begin` begins a transaction; `send` sends a whole message."""

    rules = Rules("mx.a.example", hops=3, memory=100)

    def setUp(self) -> None:
        self.in_thread: InThread = here
        self.folder = os.path.abspath(self.mktemp())
        os.mkdir(self.folder)
        self.directory = FakeDirectory(VIEW)
        self.store = MemoryStore(quotas_of(self.directory))
        self.handover = FakeHandover()
        self.events = RecordingEvents()
        self.stopped = StoppedAddresses()
        self.reception = self.reception_with(self.rules)

    def reception_with(self, rules: Rules, router: Router | None = None) -> Reception:
        context = ListenerContext(
            rules,
            self.directory,
            router or Router("mx.a.example", ADMIN),
            self.store,
            self.handover,
            outgoing_of("mx.a.example", lambda: NOW),
            self.folder,
            self.in_thread,
            self.events,
            now=lambda: NOW,
            stopped=self.stopped,
        )
        return Reception(context)

    def mail(self, client: Client, sender: str, **more: object) -> ITransaction | Status:
        """Return the answer to MAIL. An empty sender is the null reverse-path."""
        envelope = Envelope(address(sender) if sender else None)
        answer = self.reception.transaction(client, replace(envelope, **more))  # type: ignore[arg-type]
        found: ITransaction | Status = now(answer)
        return found

    def begin(
        self, client: Client = UNKNOWN_CLIENT, sender: str = "sue@far.example", **more: object
    ) -> ITransaction:
        """Return the transaction of a MAIL that must be accepted."""
        found = self.mail(client, sender, **more)
        assert not isinstance(found, Status), found
        return found

    def rcpt(
        self, to: str, client: Client = UNKNOWN_CLIENT, sender: str = "sue@far.example"
    ) -> Status:
        """Return the answer to one RCPT in a new transaction."""
        status: Status = now(self.begin(client, sender).recipient(path(to)))
        return status

    def send(
        self,
        content: bytes = MESSAGE,
        *to: str,
        client: Client = UNKNOWN_CLIENT,
        sender: str = "sue@far.example",
        **more: object,
    ) -> Sequence[Status]:
        """Return the answers to a whole message, to bob if `to` is empty."""
        transaction = self.begin(client, sender, **more)
        for each in to or ("bob@a.example",):
            status: Status = now(transaction.recipient(path(each)))
            self.assertTrue(status.ok, status)
        return self.write(transaction, content)

    def collector(self, transaction: ITransaction) -> ICollector:
        """Return the collector of a DATA that must be accepted."""
        collector = now(transaction.begin())
        assert not isinstance(collector, Status), collector
        return collector

    def write(self, transaction: ITransaction, content: bytes) -> Sequence[Status]:
        """Return the answers to the content, which arrives in small chunks."""
        collector = self.collector(transaction)
        for start in range(0, len(content), 40):
            now(collector.write(content[start : start + 40]))
        found = now(collector.finish())
        if isinstance(found, Status):
            transaction.abandon()
            return [found]
        statuses: Sequence[Status] = now(transaction.end(found))
        return statuses
