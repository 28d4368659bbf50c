"""An SMTP or LMTP server session as a machine without I/O (RFC 5321, RFC 2033).

It reads commands strictly in order, keeps the state table, asks its IReception what may be, and
writes replies. It knows no domain and no mailbox. An answer that comes when the connection is gone
is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from zope.interface import implementer

from mailhost.concurrency.answers import then
from mailhost.interfaces.answer import Answer
from mailhost.interfaces.events import IEventSink
from mailhost.interfaces.extensions import Extensions
from mailhost.interfaces.logins import Challenge, ILogins, SASLStep
from mailhost.interfaces.reception import ICollector, IReception, ITransaction
from mailhost.interfaces.wire import IMachine, IWire
from mailhost.message.client import Client, TLSState
from mailhost.message.content import Content
from mailhost.message.envelope import Body, ForwardPath
from mailhost.message.status import OK, Status
from mailhost.net.read_buffer import BadLine, ReadBuffer
from mailhost.net.sasl.exchange import LONGEST_RESPONSE_LINE, SASLExchange
from mailhost.smtp.server import statuses
from mailhost.smtp.server.auth import encode_challenge, new_login
from mailhost.smtp.server.command import (
    BadCommand,
    Chunk,
    parse_chunk,
    parse_hello,
    parse_mail,
    parse_rcpt,
)
from mailhost.smtp.server.ehlo import as_offered, encode_hello, unfit_recipient, unfit_sender
from mailhost.smtp.server.incoming import Incoming
from mailhost.smtp.server.lmtp import final_replies
from mailhost.smtp.server.options import COMMAND_LINE, SessionOptions
from mailhost.smtp.server.replies import Replies, shown
from mailhost.smtp.server.state import IDLE, NEXT, State, why_not_now
from mailhost.smtp.server.transaction import TransactionState


@implementer(IMachine)
class Session:
    """One connection's life."""

    may_be_silent = False

    def __init__(
        self,
        wire: IWire,
        client: Client,
        reception: IReception,
        logins: ILogins | None,
        options: SessionOptions,
        events: IEventSink,
    ) -> None:
        self._wire = wire
        self._reception = reception
        self._logins = logins
        self._options = options
        self._extensions = options.extensions
        self._replies = Replies(wire, client, options, events)
        self._state = State.GREETED
        self._buffer = ReadBuffer()
        self._read: Callable[[], Answer[bool]] = self._read_command
        self._stopping = False
        self._login: SASLExchange | None = None
        self._secret_seen = False
        self._chunk = Chunk(0, last=False)
        self._left = 0
        self._mail = TransactionState()

    @property
    def _client(self) -> Client:
        return self._replies.client

    def _learn(self, **changes: Any) -> None:
        self._replies.client = replace(self._client, **changes)

    # --- IMachine --------------------------------------------------------------------------------

    @property
    def timeout(self) -> float:
        """Seconds of silence that are borne now (RFC 5321 §4.5.3.2)."""
        waiting_for_content = self._read != self._read_command and self._login is None
        return self._options.data_timeout if waiting_for_content else self._options.command_timeout

    def greet(self) -> Answer[None]:
        return then(self._reception.connected(self._client), self._greeting)

    def receive(self, data: bytes) -> None:
        self._buffer.append(data)

    def step(self) -> Answer[bool]:
        if self._replies.over:
            return False
        if self._stopping and self._at_rest:
            return self._replies.farewell(statuses.STOPPING)
        return self._read()

    def secured(self, tls: TLSState) -> None:
        """What the client said in the clear is forgotten, its login too (RFC 3207 §4.2)."""
        self._learn(tls=tls, hello="", extended=False, account=None)
        self._buffer.clear()
        self._read = self._read_command

    def timed_out(self) -> None:
        if self._mail.accepted:
            self._replies.log("message", statuses.TIMED_OUT)
        self._replies.write(statuses.TIMED_OUT)
        self._end_session()

    def failed(self) -> None:
        self._replies.write(statuses.BUG)
        self._end_session()

    def stopping(self) -> None:
        self._stopping = True
        if self._at_rest and not self._replies.over:
            self._replies.farewell(statuses.STOPPING)

    def lost(self, reason: str) -> None:
        mail = self._mail
        if mail.transaction is not None and mail.accepted and not self._replies.over:
            cause = f"connection lost before the message was whole: {reason}"
            self._replies.log("message", statuses.LOST.because(cause))
        self._end_session()
        self._reception.disconnected()

    @property
    def _at_rest(self) -> bool:
        under_way = self._mail.transaction is not None or self._mail.incoming is not None
        return not under_way and self._read == self._read_command

    def _end_session(self) -> None:
        self._replies.over = True
        self._mail.abandon()

    # --- reading commands ------------------------------------------------------------------------

    def _then(self, answer: Answer[Any], use: Callable[[Any], Answer[bool]]) -> Answer[bool]:
        """Go on with an answer, unless the connection went away meanwhile."""
        return then(answer, lambda result: not self._replies.over and use(result))

    def _read_command(self) -> Answer[bool]:
        try:
            line = self._buffer.take_line(COMMAND_LINE)
        except BadLine as bad:
            return self._replies.no_command("line", bad.beginning, bad.status)
        return False if line is None else self._command(line)

    def _command(self, line: bytes) -> Answer[bool]:
        word, _, arguments = line.partition(b" ")
        verb = word.upper()
        run = self._commands.get(verb)
        if run is None:
            # clients that do not look at replies send passwords after a refused AUTH
            what = "line" if self._secret_seen else shown(line)
            return self._replies.no_command(what, line, statuses.UNKNOWN)
        self._secret_seen |= verb == b"AUTH"
        if verb not in NEXT[self._state]:
            if verb == b"BDAT":
                return self._swallow(arguments)
            return self._replies.error(shown(word), self._why_not_now(verb))
        if verb in IDLE and self._replies.useless(shown(word)):
            return False
        return run(self, arguments.rstrip(b" "))

    def _why_not_now(self, verb: bytes) -> Status:
        return why_not_now(verb, self._state, self._options.lmtp)

    def _done(self, verb: bytes, status: Status = OK) -> bool:
        """The command succeeded: take the state that the table says, and reply."""
        self._state = NEXT[self._state][verb]
        return self._replies.write(status)

    # --- greeting, hello, small commands ---------------------------------------------------------

    def _greeting(self, refusal: Status | None) -> None:
        if self._replies.over:
            return
        if refusal is not None:
            self._replies.log("connection", refusal)
            self._replies.farewell(refusal)
            return
        kind = "LMTP" if self._options.lmtp else "ESMTP"
        self._replies.write(Status(220, "", f"{self._options.hostname} {kind} ready"))

    def _hello(self, verb: bytes, name: bytes) -> Answer[bool]:
        try:
            text = parse_hello(verb, name, self._options.lmtp)
        except BadCommand as bad:
            return self._replies.error(shown(verb), bad.status)
        self._mail.abandon()
        self._state = State.GREETED  # until the reception agrees
        self._learn(hello=text, extended=verb != b"HELO")
        answer = self._reception.hello(self._client)
        return self._then(answer, lambda found: self._greeted(verb, found))

    def _greeted(self, verb: bytes, answer: Extensions | Status | None) -> bool:
        if isinstance(answer, Status):
            what = f"{verb.decode()} {shown(self._client.hello.encode())}"
            return self._replies.turn_down(what, answer)
        self._extensions = answer or self._options.extensions
        if verb == b"HELO":
            return self._done(verb, Status(250, "", self._options.hostname))
        self._state = NEXT[self._state][verb]
        starttls = self._options.starttls and self._client.tls is None
        mechanisms = self._mechanisms()
        self._wire.write(
            encode_hello(self._options.hostname, self._extensions, starttls, mechanisms)
        )
        return True

    def _noop(self, _: bytes) -> bool:
        return self._done(b"NOOP")

    def _vrfy(self, _: bytes) -> bool:
        return self._done(b"VRFY", statuses.CAN_VERIFY)

    def _help(self, _: bytes) -> bool:
        unknown = (b"HELO", b"EHLO") if self._options.lmtp else (b"LHLO",)
        known = " ".join(sorted(verb.decode() for verb in self._commands if verb not in unknown))
        return self._done(b"HELP", Status(214, "2.0.0", f"mailhost knows\n{known}"))

    def _rset(self, arguments: bytes) -> bool:
        if arguments:
            return self._replies.error("RSET", statuses.NO_ARGUMENT)
        self._mail.abandon()
        return self._done(b"RSET")

    def _quit(self, _: bytes) -> bool:
        self._mail.abandon()
        return self._replies.farewell(statuses.GOODBYE)

    # --- STARTTLS and AUTH -----------------------------------------------------------------------

    def _starttls(self, arguments: bytes) -> bool:
        if arguments:
            return self._replies.error("STARTTLS", statuses.NO_ARGUMENT)
        if not self._options.starttls or self._client.tls is not None:
            return self._replies.error("STARTTLS", statuses.NO_TLS)
        self._done(b"STARTTLS", statuses.START_HANDSHAKE)
        self._read = self._read_nothing
        self._wire.start_tls()
        return True

    def _read_nothing(self) -> bool:
        """Until the handshake is done: what is pipelined behind STARTTLS is never run."""
        return False

    def _mechanisms(self) -> tuple[str, ...]:
        if self._logins is None:
            return ()
        return tuple(self._logins.mechanisms(self._client))

    def _auth(self, arguments: bytes) -> Answer[bool]:
        name, _, initial = arguments.partition(b" ")
        login = new_login(name, self._client, self._logins)
        if isinstance(login, Status):
            return self._replies.error("AUTH", login)
        self._login = login
        return self._then(login.begin(initial), self._sasl_step)

    def _read_login(self) -> Answer[bool]:
        assert self._login is not None
        try:
            line = self._buffer.take_line(LONGEST_RESPONSE_LINE)
        except BadLine as bad:
            return self._sasl_step(bad.status)
        return False if line is None else self._then(self._login.line(line), self._sasl_step)

    def _sasl_step(self, step: SASLStep) -> bool:
        if isinstance(step, Challenge):
            self._read = self._read_login
            self._wire.write(encode_challenge(step))
            return True
        self._read, self._login = self._read_command, None
        if isinstance(step, Status):
            return self._login_refused(step)
        self._learn(account=step)
        return self._done(b"AUTH", statuses.LOGGED_IN)

    def _login_refused(self, status: Status) -> bool:
        """Broken syntax is told here; the authenticator has told what it refused itself."""
        if status.code in (500, 501):
            return self._replies.error("AUTH", status)
        if self._replies.count_error():
            return self._replies.refuse("AUTH", statuses.TOO_MANY_ERRORS)
        if status.code == 421:
            return self._replies.farewell(status)
        return self._replies.write(status)

    # --- MAIL and RCPT ---------------------------------------------------------------------------

    def _mail_from(self, arguments: bytes) -> Answer[bool]:
        try:
            envelope = parse_mail(arguments)
        except BadCommand as bad:
            return self._replies.error("MAIL " + shown(arguments), bad.status)
        unfit = unfit_sender(envelope, self._extensions)
        if unfit is not None:
            return self._replies.turn_down("MAIL " + shown(arguments), unfit)
        self._mail.envelope = envelope
        return then(self._reception.transaction(self._client, envelope), self._opened)

    def _opened(self, transaction: ITransaction | Status) -> bool:
        if self._replies.over:  # the connection went away meanwhile
            if not isinstance(transaction, Status):
                transaction.abandon()
            return False
        if isinstance(transaction, Status):
            path = self._mail.envelope.reverse_path or ""
            return self._replies.turn_down(f"MAIL FROM:<{path}>", transaction)
        self._mail.transaction = transaction
        self._replies.opened()
        return self._done(b"MAIL", transaction.opened or statuses.SENDER_OK)

    def _rcpt(self, arguments: bytes) -> Answer[bool]:
        mail = self._mail
        try:
            path = parse_rcpt(arguments, mail.envelope.smtputf8)
        except BadCommand as bad:
            return self._replies.error("RCPT " + shown(arguments), bad.status)
        if len(mail.accepted) >= self._extensions.recipients:
            return self._replies.refuse("RCPT", statuses.TOO_MANY)
        unfit = unfit_recipient(path, self._extensions)
        if unfit is not None:
            return self._replies.error("RCPT " + shown(arguments), unfit)
        path = as_offered(path, self._extensions)
        assert mail.transaction is not None
        mail.look_ahead(mail.transaction, path, self._buffer, self._extensions)
        answer = mail.transaction.recipient(path)
        if isinstance(answer, Status):
            return self._answered(path, answer)
        return self._then(answer, lambda status: self._answered(path, status))

    def _answered(self, path: ForwardPath, status: Status) -> bool:
        if not status.ok:
            return self._replies.turn_down(f"RCPT TO:<{path.address}>", status)
        self._mail.accepted.append(path)
        return self._done(b"RCPT", status)

    # --- content ---------------------------------------------------------------------------------

    def _data(self, arguments: bytes) -> Answer[bool]:
        if arguments:
            return self._replies.error("DATA", statuses.NO_ARGUMENT)
        if self._mail.envelope.body is Body.BINARY:
            return self._replies.error("DATA", statuses.NEEDS_BDAT)
        assert self._mail.transaction is not None
        return self._then(self._mail.transaction.begin(), self._go_ahead)

    def _go_ahead(self, collector: ICollector | Status) -> bool:
        if isinstance(collector, Status):
            self._mail.abandon()
            self._state = State.READY
            return self._replies.refuse("DATA", collector)
        self._expect_content(collector)
        self._read = self._read_data
        return self._replies.write(statuses.GO_AHEAD)

    def _expect_content(self, collector: ICollector | Status) -> bool:
        binary = self._mail.envelope.body is Body.BINARY
        self._mail.incoming = Incoming(collector, self._extensions.message_size, binary)
        return True

    def _read_data(self) -> Answer[bool]:
        incoming = self._mail.incoming
        assert incoming is not None
        if not self._buffer:
            return False
        more, rest = incoming.data(self._buffer.take(len(self._buffer)))
        if rest is None:
            return True if more is None else then(more, lambda _: True)
        self._buffer.append(rest)
        self._read = self._read_command
        return self._then(more, lambda _: self._end())

    def _bdat(self, arguments: bytes) -> Answer[bool]:
        if not self._announced(arguments):
            return False
        self._state = NEXT[self._state][b"BDAT"]
        self._read = self._read_chunk
        if self._mail.incoming is not None:
            return True
        assert self._mail.transaction is not None
        return self._then(self._mail.transaction.begin(), self._expect_content)

    def _announced(self, arguments: bytes) -> bool:
        """Take the size of a chunk; False where there is none, which ends the session."""
        try:
            self._chunk = parse_chunk(arguments)
        except BadCommand as bad:
            return self._replies.dismiss("BDAT", bad.status)
        self._left = self._chunk.size
        return True

    def _swallow(self, arguments: bytes) -> bool:
        """BDAT out of order: its octets come all the same, and are no commands.

        Those that were pipelined behind a refusal are no error (RFC 3030 §2).
        """
        if not self._announced(arguments):
            return False
        self._read = self._read_swallowed
        return True

    def _read_swallowed(self) -> bool:
        self._left -= len(self._buffer.take(self._left))
        if self._left:
            return False
        self._read = self._read_command
        if self._replies.useless("BDAT"):
            return False
        return self._replies.refuse("BDAT", self._why_not_now(b"BDAT"))

    def _read_chunk(self) -> Answer[bool]:
        incoming = self._mail.incoming
        assert incoming is not None
        if self._left and not self._buffer:
            return False
        octets = self._buffer.take(self._left)
        self._left -= len(octets)
        more = incoming.chunk(octets, self._chunk.last and not self._left)
        if self._left:
            return True if more is None else then(more, lambda _: True)
        self._read = self._read_command
        return self._then(more, lambda _: self._chunk_end())

    def _chunk_end(self) -> Answer[bool]:
        incoming = self._mail.incoming
        assert incoming is not None
        if self._chunk.last:
            return self._end()
        if incoming.refusal is not None:
            return self._finish([incoming.refusal])
        return self._replies.write(Status(250, "2.0.0", f"{incoming.size} octets so far"))

    def _end(self) -> Answer[bool]:
        """The content is whole: refuse it, or ask for the 250."""
        assert self._mail.incoming is not None
        return self._then(self._mail.incoming.finish(), self._collected)

    def _collected(self, content: Content | Status) -> Answer[bool]:
        if isinstance(content, Status):
            return self._finish_whole([content])
        transaction, self._mail.transaction = self._mail.transaction, None
        assert transaction is not None
        return self._then(transaction.end(content), self._finish_whole)

    def _finish_whole(self, found: Sequence[Status]) -> bool:
        return self._finish(final_replies(found, len(self._mail.accepted), self._options.lmtp))

    def _finish(self, replies: Sequence[Status]) -> bool:
        """The transaction is over."""
        self._mail.abandon()
        self._state = State.READY
        self._replies.finished()
        for status in replies:
            if status.ok:
                self._replies.write(status)
            elif not self._replies.refuse("message", status):
                return False
        return True

    _commands: ClassVar[Mapping[bytes, Callable[[Session, bytes], Answer[bool]]]] = {
        b"HELO": lambda session, name: session._hello(b"HELO", name),
        b"EHLO": lambda session, name: session._hello(b"EHLO", name),
        b"LHLO": lambda session, name: session._hello(b"LHLO", name),
        b"MAIL": _mail_from,
        b"RCPT": _rcpt,
        b"DATA": _data,
        b"BDAT": _bdat,
        b"RSET": _rset,
        b"NOOP": _noop,
        b"VRFY": _vrfy,
        b"HELP": _help,
        b"QUIT": _quit,
        b"AUTH": _auth,
        b"STARTTLS": _starttls,
    }
