"""The host's own IReception: mail for its domains from anybody, for others from those it knows."""

from __future__ import annotations

import time
from collections.abc import Callable

from zope.interface import implementer

from mailhost.interfaces import (
    Answer,
    IDirectory,
    IEventSink,
    IHandover,
    IReception,
    ITransaction,
)
from mailhost.message.accounts import DirectoryView
from mailhost.message.client import Client
from mailhost.message.envelope import Envelope
from mailhost.message.status import Status
from mailhost.net.answer import then
from mailhost.reception.refusal import refusal
from mailhost.reception.rules import Rules
from mailhost.reception.submission import sender_refusal
from mailhost.reception.transaction import Transaction
from mailhost.routing import Router

LOGIN_FIRST = Status(530, "5.7.0", "Log in first")
ENCRYPT_FIRST = Status(530, "5.7.0", "Use STARTTLS and log in first")


@implementer(IReception)
class Reception:
    """Made anew when settings change; sessions keep the one they began with.

    `folder` takes the content of large messages while they arrive.
    """

    def __init__(
        self,
        rules: Rules,
        directory: IDirectory,
        router: Router,
        handover: IHandover,
        folder: str,
        events: IEventSink,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.rules = rules
        self.directory = directory
        self.router = router
        self.handover = handover
        self.folder = folder
        self.events = events
        self.now = now

    def connected(self, client: Client) -> Answer[Status | None]:
        return None

    def hello(self, client: Client) -> Answer[Status | None]:
        return None

    def transaction(self, client: Client, envelope: Envelope) -> Answer[ITransaction | Status]:
        account, sender = client.account, envelope.reverse_path
        if account is None:
            if self.rules.login:
                return LOGIN_FIRST if client.tls or client.local_machine else ENCRYPT_FIRST
            return Transaction(self, client, envelope)

        def judge(view: DirectoryView) -> Status | None:
            return sender_refusal(sender, lambda each: self.router.reaches(view, each, account))

        found = refusal(self.directory, judge)
        return then(found, lambda status: status or Transaction(self, client, envelope))
