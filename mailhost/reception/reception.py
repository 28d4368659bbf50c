"""The IReception of the host: who may send mail to its domains and to those of other hosts.

All clients may send to the domains of this host; only clients that have logged in, or are in a
listed network, may send to other domains.
"""

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
from mailhost.reception.transaction import ReceptionTransaction

LOGIN_FIRST = Status(530, "5.7.0", "Log in first")
ENCRYPT_FIRST = Status(530, "5.7.0", "Use STARTTLS and log in first")
LOG_IN_AGAIN = Status(530, "5.7.0", "This account may not send any more; log in again")


@implementer(IReception)
class Reception:
    """Begins a ReceptionTransaction for each message that a client may send.

    The account of a client is looked up at each MAIL, since it may have been removed after the
    login.
    """

    def __init__(self, context: ListenerContext) -> None:
        self._context = context

    def connected(self, client: Client) -> Answer[Status | None]:
        return None

    def hello(self, client: Client) -> Answer[Extensions | Status | None]:
        rules = self._context.rules
        return (
            None
            if rules.extensions_without_relay is None or rules.may_relay(client)
            else rules.extensions_without_relay
        )

    def disconnected(self) -> None:
        """Do nothing: no state is kept for a connection."""

    def transaction(self, client: Client, envelope: Envelope) -> Answer[ITransaction | Status]:
        account, sender = client.account, envelope.reverse_path
        if account is None:
            if self._context.rules.login:
                return LOGIN_FIRST if client.tls or client.local_machine else ENCRYPT_FIRST
            return ReceptionTransaction(self._context, client, envelope)

        def judge(view: DirectoryView) -> Status | None:
            known = view.account(account)
            if known is None or not known.has_password:  # since the login
                return LOG_IN_AGAIN
            router = self._context.router
            return sender_refusal(sender, lambda each: router.reaches(view, each, account))

        found = refusal(self._context.directory, judge)
        return then(
            found, lambda status: status or ReceptionTransaction(self._context, client, envelope)
        )
