"""The transaction that an SMTP session has under way, from MAIL to the end of its content."""

from __future__ import annotations

from mailhost.interfaces.extensions import Extensions
from mailhost.interfaces.reception import ITransaction
from mailhost.message.envelope import Envelope, ForwardPath
from mailhost.net.read_buffer import ReadBuffer
from mailhost.smtp.server.incoming import Incoming
from mailhost.smtp.server.pipelined import recipients_ahead

AHEAD = 100  # pipelined recipients that are announced at once
_NOBODYS = Envelope(None)


class TransactionState:
    """`transaction` is None before MAIL and once `end` was asked for; `accepted` are the recipients
    so far, `incoming` is the content while it arrives."""

    __slots__ = ("_ahead", "accepted", "envelope", "incoming", "transaction")

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Take the state of a session without a transaction."""
        self.transaction: ITransaction | None = None
        self.envelope = _NOBODYS
        self.accepted: list[ForwardPath] = []
        self.incoming: Incoming | None = None
        self._ahead = 0  # recipients that the transaction already knows from `coming`

    def abandon(self) -> None:
        """Forget the transaction, and have it forget the message."""
        transaction = self.transaction
        self.forget()
        if transaction is not None:
            transaction.abandon()

    def look_ahead(
        self,
        transaction: ITransaction,
        path: ForwardPath,
        buffer: ReadBuffer,
        extensions: Extensions,
    ) -> None:
        """Announce this recipient together with those that the client has pipelined behind it."""
        if self._ahead:
            self._ahead -= 1
        elif buffer:
            most = min(extensions.recipients - len(self.accepted) - 1, AHEAD)
            ahead = recipients_ahead(buffer, self.envelope.smtputf8, extensions, most)
            self._ahead = len(ahead)
            if ahead:
                transaction.coming([path, *ahead])
