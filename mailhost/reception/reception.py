"""The host's own IReception: mail for its domains from anybody, for others from those it knows."""

from __future__ import annotations

from zope.interface import implementer

from mailhost.concurrency.answers import then
from mailhost.interfaces.accounts import DirectoryView
from mailhost.interfaces.answer import Answer
from mailhost.interfaces.extensions import Extensions
from mailhost.interfaces.reception import IReception, ITransaction
from mailhost.message.client import Client
from mailhost.message.envelope import Envelope
from mailhost.message.status import Status
from mailhost.reception.context import ListenerContext
from mailhost.reception.refusal import refusal
from mailhost.reception.submission import sender_refusal
from mailhost.reception.transaction import Transaction

LOGIN_FIRST = Status(530, "5.7.0", "Log in first")
ENCRYPT_FIRST = Status(530, "5.7.0", "Use STARTTLS and log in first")
LOG_IN_AGAIN = Status(530, "5.7.0", "This account may not send any more; log in again")


@implementer(IReception)
class Reception:
    """Opens a Transaction for each message that a client may send.

    The directory is asked at each MAIL whether the account may still send: it may have been removed
    since the login.
    """

    def __init__(self, context: ListenerContext) -> None:
        self._context = context

    def connected(self, client: Client) -> Answer[Status | None]:
        return None

    def hello(self, client: Client) -> Answer[Extensions | Status | None]:
        rules = self._context.rules
        return None if rules.strangers is None or rules.may_relay(client) else rules.strangers

    def disconnected(self) -> None:
        """Nothing is kept for a connection."""

    def transaction(self, client: Client, envelope: Envelope) -> Answer[ITransaction | Status]:
        account, sender = client.account, envelope.reverse_path
        if account is None:
            if self._context.rules.login:
                return LOGIN_FIRST if client.tls or client.local_machine else ENCRYPT_FIRST
            return Transaction(self._context, client, envelope)

        def judge(view: DirectoryView) -> Status | None:
            known = view.account(account)
            if known is None or not known.secret:  # removed, or without a password, since the login
                return LOG_IN_AGAIN
            router = self._context.router
            return sender_refusal(sender, lambda each: router.reaches(view, each, account))

        found = refusal(self._context.directory, judge)
        return then(found, lambda status: status or Transaction(self._context, client, envelope))
