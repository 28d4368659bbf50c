"""The commands of a mail transaction: MAIL, RCPT, DATA and BDAT (RFC 5321 §3.3, RFC 3030).

MAIL asks an IReception for an ITransaction. The other commands hand recipients and content to that
ITransaction, which returns the replies.
"""

from __future__ import annotations

from collections.abc import Sequence

from mailhost.concurrency.answers import then
from mailhost.interfaces.answer import Answer
from mailhost.interfaces.reception import ICollector, IReception, ITransaction
from mailhost.message.content import Content
from mailhost.message.envelope import Body, Envelope, ForwardPath
from mailhost.message.status import Status
from mailhost.smtp.server import statuses
from mailhost.smtp.server.command import BadCommand, Chunk, parse_chunk, parse_mail, parse_rcpt
from mailhost.smtp.server.ehlo import as_offered, refusal_of_recipient, refusal_of_sender
from mailhost.smtp.server.incoming import Incoming
from mailhost.smtp.server.lmtp import final_replies
from mailhost.smtp.server.pipelined import recipients_ahead
from mailhost.smtp.server.replies import printable
from mailhost.smtp.server.session_context import SessionContext
from mailhost.smtp.server.state import NEXT_STATE, SMTPState

MOST_ANNOUNCED_TOGETHER = 100  # pipelined recipients that are announced at once
_NO_ENVELOPE = Envelope(None)
_NO_CHUNK = Chunk(0, last=False)


class TransactionCommands:
    """The transaction of one session, and its commands.

    `_transaction` is None before MAIL and after `end` was called; `_incoming` is the content while
    the content arrives.
    """

    __slots__ = (
        "_accepted",
        "_ahead",
        "_chunk",
        "_context",
        "_envelope",
        "_incoming",
        "_left",
        "_reception",
        "_transaction",
    )

    def __init__(self, context: SessionContext, reception: IReception) -> None:
        self._context = context
        self._reception = reception
        self._chunk = _NO_CHUNK
        self._left = 0  # octets of the chunk that have not arrived yet
        self._forget()

    def _forget(self) -> None:
        self._transaction: ITransaction | None = None
        self._envelope = _NO_ENVELOPE
        self._accepted: list[ForwardPath] = []
        self._incoming: Incoming | None = None
        self._ahead = 0  # recipients that `coming` has already announced to the transaction

    def abandon(self) -> None:
        """End the transaction, if there is one, without a message."""
        transaction = self._transaction
        self._forget()
        self._context.replies.closed()
        if transaction is not None:
            transaction.abandon()

    @property
    def under_way(self) -> bool:
        """True from MAIL until the reply to the content."""
        return self._transaction is not None or self._incoming is not None

    @property
    def has_recipients(self) -> bool:
        """True if a RCPT was accepted in this transaction."""
        return bool(self._accepted)

    @property
    def is_open(self) -> bool:
        """True if the transaction has recipients, and its content is not complete yet."""
        return self._transaction is not None and bool(self._accepted)

    # --- MAIL and RCPT ---------------------------------------------------------------------------

    def mail(self, arguments: bytes) -> Answer[bool]:
        """Execute MAIL: open a transaction, unless the reception refuses the sender."""
        context = self._context
        try:
            envelope = parse_mail(arguments)
        except BadCommand as bad:
            return context.replies.error("MAIL " + printable(arguments), bad.status)
        secure = context.client.tls is not None
        refusal = refusal_of_sender(envelope, context.extensions, secure)
        if refusal is not None:
            return context.replies.refused_by_reception("MAIL " + printable(arguments), refusal)
        self._envelope = envelope
        return then(self._reception.transaction(context.client, envelope), self._opened)

    def _opened(self, transaction: ITransaction | Status) -> bool:
        context = self._context
        if context.replies.over:  # the connection was lost meanwhile
            if not isinstance(transaction, Status):
                transaction.abandon()
            return False
        if isinstance(transaction, Status):
            path = self._envelope.reverse_path or ""
            return context.replies.refused_by_reception(f"MAIL FROM:<{path}>", transaction)
        self._transaction = transaction
        context.replies.opened(transaction.identity, self._envelope, self._accepted)
        return context.done(b"MAIL", transaction.opened or statuses.SENDER_OK)

    def rcpt(self, arguments: bytes) -> Answer[bool]:
        """Execute RCPT: add a recipient, unless the transaction refuses it."""
        context = self._context
        try:
            path = parse_rcpt(arguments, self._envelope.smtputf8)
        except BadCommand as bad:
            return context.replies.error("RCPT " + printable(arguments), bad.status)
        if len(self._accepted) >= context.extensions.recipients:
            return context.replies.refuse("RCPT", statuses.TOO_MANY_RECIPIENTS)
        refusal = refusal_of_recipient(path, context.extensions)
        if refusal is not None:
            return context.replies.error("RCPT " + printable(arguments), refusal)
        path = as_offered(path, context.extensions)
        assert self._transaction is not None
        self._announce(self._transaction, path)
        answer = self._transaction.recipient(path)
        if isinstance(answer, Status):
            return self._answered(path, answer)
        return context.then(answer, lambda status: self._answered(path, status))

    def _announce(self, transaction: ITransaction, path: ForwardPath) -> None:
        """Announce `path` together with the recipients that the client has pipelined behind it."""
        context = self._context
        if self._ahead:
            self._ahead -= 1
        elif context.buffer:
            extensions = context.extensions
            limit = min(extensions.recipients - len(self._accepted) - 1, MOST_ANNOUNCED_TOGETHER)
            ahead = recipients_ahead(context.buffer, self._envelope.smtputf8, extensions, limit)
            self._ahead = len(ahead)
            if ahead:
                transaction.coming([path, *ahead])

    def _answered(self, path: ForwardPath, status: Status) -> bool:
        if not status.ok:
            return self._context.replies.refused_by_reception(f"RCPT TO:<{path.address}>", status)
        self._accepted.append(path)
        return self._context.done(b"RCPT", status)

    # --- DATA ------------------------------------------------------------------------------------

    def data(self, arguments: bytes) -> Answer[bool]:
        """Execute DATA: have the content read from here on."""
        context = self._context
        if arguments:
            return context.replies.error("DATA", statuses.NO_ARGUMENT)
        if self._envelope.body is Body.BINARY:
            return context.replies.error("DATA", statuses.NEEDS_BDAT)
        assert self._transaction is not None
        return context.then(self._transaction.begin(), self._go_ahead)

    def _go_ahead(self, collector: ICollector | Status) -> bool:
        context = self._context
        if isinstance(collector, Status):
            context.state = SMTPState.READY
            going_on = context.replies.refuse("DATA", collector)
            self.abandon()
            return going_on
        self._expect_content(collector)
        context.read = self._read_data
        return context.replies.write(statuses.GO_AHEAD)

    def _expect_content(self, collector: ICollector | Status) -> bool:
        binary = self._envelope.body is Body.BINARY
        self._incoming = Incoming(collector, self._context.extensions.message_size, binary)
        return True

    def _read_data(self) -> Answer[bool]:
        context, incoming = self._context, self._incoming
        assert incoming is not None
        if not context.buffer:
            return False
        written, rest = incoming.data(context.buffer.take(len(context.buffer)))
        if rest is None:
            return True if written is None else then(written, lambda _: True)
        context.buffer.append(rest)
        context.read = context.read_command
        return context.then(written, lambda _: self._end())

    # --- BDAT ------------------------------------------------------------------------------------

    def bdat(self, arguments: bytes) -> Answer[bool]:
        """Execute BDAT: have a chunk of the content read from here on."""
        context = self._context
        if not self._parse_chunk(arguments):
            return False
        context.state = NEXT_STATE[context.state][b"BDAT"]
        context.read = self._read_chunk
        if self._incoming is not None:
            return True
        assert self._transaction is not None
        return context.then(self._transaction.begin(), self._expect_content)

    def _parse_chunk(self, arguments: bytes) -> bool:
        """Parse the size of a chunk. Return False if there is none, which ends the session."""
        try:
            self._chunk = parse_chunk(arguments)
        except BadCommand as bad:
            return self._context.replies.refuse_and_close("BDAT", bad.status)
        self._left = self._chunk.size
        return True

    def skip_chunk(self, arguments: bytes) -> bool:
        """Execute BDAT out of order: read the octets of the chunk, then refuse the command.

        That does not count as an error: the client may have pipelined the chunk before it read a
        refusal (RFC 3030 §2).
        """
        if not self._parse_chunk(arguments):
            return False
        self._context.read = self._read_skipped
        return True

    def _read_skipped(self) -> bool:
        context = self._context
        self._left -= len(context.buffer.take(self._left))
        if self._left:
            return False
        context.read = context.read_command
        if context.replies.count_idle("BDAT"):
            return False
        return context.replies.refuse("BDAT", context.why_not_now(b"BDAT"))

    def _read_chunk(self) -> Answer[bool]:
        context, incoming = self._context, self._incoming
        assert incoming is not None
        if self._left and not context.buffer:
            return False
        octets = context.buffer.take(self._left)
        self._left -= len(octets)
        written = incoming.chunk(octets, self._chunk.last and not self._left)
        if self._left:
            return True if written is None else then(written, lambda _: True)
        context.read = context.read_command
        return context.then(written, lambda _: self._chunk_end())

    def _chunk_end(self) -> Answer[bool]:
        incoming = self._incoming
        assert incoming is not None
        if self._chunk.last:
            return self._end()
        if incoming.refusal is not None:
            return self._finish([incoming.refusal])
        return self._context.replies.write(Status(250, "2.0.0", f"{incoming.size} octets so far"))

    # --- the end of the content ------------------------------------------------------------------

    def _end(self) -> Answer[bool]:
        """The content is complete: refuse it, or hand it to the transaction."""
        assert self._incoming is not None
        return self._context.then(self._incoming.finish(), self._collected)

    def _collected(self, content: Content | Status) -> Answer[bool]:
        if isinstance(content, Status):
            return self._finish_whole([content])
        transaction, self._transaction = self._transaction, None
        assert transaction is not None
        return self._context.then(transaction.end(content), self._finish_whole)

    def _finish_whole(self, statuses: Sequence[Status]) -> bool:
        lmtp = self._context.options.lmtp
        return self._finish(final_replies(statuses, len(self._accepted), lmtp))

    def _finish(self, replies: Sequence[Status]) -> bool:
        """End the transaction, and write the replies to the content."""
        context = self._context
        context.state = SMTPState.READY
        context.replies.finished()
        going_on = all(self._answer_content(status) for status in replies)
        self.abandon()
        return going_on

    def _answer_content(self, status: Status) -> bool:
        replies = self._context.replies
        return replies.write(status) if status.ok else replies.refuse("message", status)
