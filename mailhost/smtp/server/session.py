"""An SMTP or LMTP server session as a state machine without I/O (RFC 5321, RFC 2033).

A session reads commands strictly in order, follows the state table, asks its IReception for
decisions, and writes replies. A session knows no domain and no mailbox. An answer that comes after
the connection was lost is dropped. AUTH is in `auth`, the commands of a transaction are in
`transaction`; all other commands are here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

from zope.interface import implementer

from mailhost.concurrency.answers import then
from mailhost.interfaces.answer import Answer
from mailhost.interfaces.events import IEventSink
from mailhost.interfaces.extensions import Extensions
from mailhost.interfaces.logins import ILogins
from mailhost.interfaces.reception import IReception
from mailhost.interfaces.wire import IMachine, IWire
from mailhost.message.client import Client, TLSState
from mailhost.message.status import Status
from mailhost.net.account_sessions import ENDED, AccountSessions
from mailhost.net.read_buffer import BadLine
from mailhost.smtp.server import statuses
from mailhost.smtp.server.auth import AuthCommand
from mailhost.smtp.server.command import BadCommand, parse_hello
from mailhost.smtp.server.ehlo import encode_hello
from mailhost.smtp.server.options import LONGEST_COMMAND_LINE, SessionOptions
from mailhost.smtp.server.replies import SMTPReplies, printable
from mailhost.smtp.server.session_context import SessionContext
from mailhost.smtp.server.state import IDLE_COMMANDS, NEXT_STATE, SMTPState
from mailhost.smtp.server.transaction import TransactionCommands


@implementer(IMachine)
class Session:
    """One connection, from the greeting to its end. `logins` is None if there are no logins."""

    may_be_silent = False

    def __init__(
        self,
        wire: IWire,
        client: Client,
        reception: IReception,
        logins: ILogins | None,
        options: SessionOptions,
        events: IEventSink,
        sessions: AccountSessions | None = None,
    ) -> None:
        self._wire = wire
        self._reception = reception
        self._options = options
        self._replies = SMTPReplies(wire, client, options, events)
        self._context = SessionContext(
            options, self._replies, self._read_command, sessions or AccountSessions(), self._revoke
        )
        self._transaction = TransactionCommands(self._context, reception)
        self._auth = AuthCommand(self._context, logins)
        self._stopping = False
        self._revoked = False  # the password of the login, or its account, is not valid any more
        self._secret_seen = False

    # --- IMachine --------------------------------------------------------------------------------

    @property
    def timeout(self) -> float:
        """Seconds of silence after which the session ends (RFC 5321 §4.5.3.2)."""
        waiting_for_content = not (self._context.between_commands or self._auth.exchanging)
        return self._options.data_timeout if waiting_for_content else self._options.command_timeout

    def greet(self) -> Answer[None]:
        return then(self._reception.connected(self._context.client), self._greeting)

    def receive(self, data: bytes) -> None:
        self._context.buffer.append(data)

    def step(self) -> Answer[bool]:
        if self._replies.over:
            return False
        if self._stopping and self._at_rest:
            return self._replies.close(statuses.STOPPING)
        if self._revoked and self._context.between_commands:
            return self._replies.refuse_and_close("session", ENDED)
        return self._context.read()

    def secured(self, tls: TLSState) -> None:
        """Forget everything that the client sent before TLS, its login too (RFC 3207 §4.2)."""
        self._context.log_out()
        self._context.update_client(tls=tls, hello="", extended=False)
        self._context.buffer.clear()
        self._context.read = self._context.read_command

    def timed_out(self) -> None:
        if self._transaction.has_recipients:
            self._replies.log("message", statuses.TIMED_OUT)
        self._replies.write(statuses.TIMED_OUT)
        self._end_session()

    def failed(self) -> None:
        self._replies.write(statuses.INTERNAL_ERROR)
        self._end_session()

    def stopping(self) -> None:
        self._stopping = True
        if self._at_rest and not self._replies.over:
            self._replies.close(statuses.STOPPING)

    def lost(self, reason: str) -> None:
        if self._transaction.is_open and not self._replies.over:
            cause = f"connection lost before the message was whole: {reason}"
            self._replies.log("message", statuses.LOST.because(cause))
        self._end_session()
        self._context.log_out()
        self._reception.disconnected()

    def _revoke(self) -> None:
        self._revoked = True
        self._wire.wake()

    @property
    def _at_rest(self) -> bool:
        return self._context.between_commands and not self._transaction.under_way

    def _end_session(self) -> None:
        self._replies.over = True
        self._transaction.abandon()

    # --- reading commands ------------------------------------------------------------------------

    def _read_command(self) -> Answer[bool]:
        try:
            line = self._context.buffer.take_line(LONGEST_COMMAND_LINE)
        except BadLine as bad:
            return self._replies.no_command("line", bad.beginning, bad.status)
        return False if line is None else self._command(line)

    def _command(self, line: bytes) -> Answer[bool]:
        word, _, arguments = line.partition(b" ")
        verb = word.upper()
        run = self._commands.get(verb)
        if run is None:
            # a client that ignores replies sends a password after a refused AUTH: do not log it
            what = "line" if self._secret_seen else printable(line)
            return self._replies.no_command(what, line, statuses.UNKNOWN)
        self._secret_seen |= verb == b"AUTH"
        if verb not in NEXT_STATE[self._context.state]:
            if verb == b"BDAT":
                return self._transaction.skip_chunk(arguments)
            return self._replies.error(printable(word), self._context.why_not_now(verb))
        if verb in IDLE_COMMANDS and self._replies.count_idle(printable(word)):
            return False
        return run(self, arguments.rstrip(b" "))

    # --- greeting and hello ----------------------------------------------------------------------

    def _greeting(self, refusal: Status | None) -> None:
        if self._replies.over:
            return
        if refusal is not None:
            self._replies.log("connection", refusal)
            self._replies.close(refusal)
            return
        kind = "LMTP" if self._options.lmtp else "ESMTP"
        self._replies.write(Status(220, "", f"{self._options.hostname} {kind} ready"))

    def _hello(self, verb: bytes, name: bytes) -> Answer[bool]:
        try:
            text = parse_hello(verb, name, self._options.lmtp)
        except BadCommand as bad:
            return self._replies.error(printable(verb), bad.status)
        context = self._context
        self._transaction.abandon()
        context.state = SMTPState.GREETED  # until the reception accepts the hello
        context.update_client(hello=text, extended=verb != b"HELO")
        answer = self._reception.hello(context.client)
        return context.then(answer, lambda extensions: self._greeted(verb, extensions))

    def _greeted(self, verb: bytes, answer: Extensions | Status | None) -> bool:
        context, hostname = self._context, self._options.hostname
        if isinstance(answer, Status):
            what = f"{verb.decode()} {printable(context.client.hello.encode())}"
            return self._replies.refused_by_reception(what, answer)
        context.extensions = answer or self._options.extensions
        if verb == b"HELO":
            return context.done(verb, Status(250, "", hostname))
        context.state = NEXT_STATE[context.state][verb]
        secure = context.client.tls is not None
        starttls = self._options.starttls and not secure
        mechanisms = self._auth.mechanisms()
        reply = encode_hello(hostname, context.extensions, secure, starttls, mechanisms)
        return self._replies.write_encoded(reply)

    # --- STARTTLS --------------------------------------------------------------------------------

    def _starttls(self, arguments: bytes) -> bool:
        if arguments:
            return self._replies.error("STARTTLS", statuses.NO_ARGUMENT)
        if not self._options.starttls or self._context.client.tls is not None:
            return self._replies.error("STARTTLS", statuses.NO_TLS)
        self._context.done(b"STARTTLS", statuses.START_HANDSHAKE)
        self._context.read = self._read_nothing
        self._wire.start_tls()
        return True

    def _read_nothing(self) -> bool:
        """Take no command until the handshake is done: those behind STARTTLS are never executed."""
        return False

    # --- small commands --------------------------------------------------------------------------

    def _noop(self, _: bytes) -> bool:
        return self._context.done(b"NOOP")

    def _vrfy(self, _: bytes) -> bool:
        return self._context.done(b"VRFY", statuses.CAN_VERIFY)

    def _help(self, _: bytes) -> bool:
        unknown = (b"HELO", b"EHLO") if self._options.lmtp else (b"LHLO",)
        known = " ".join(sorted(verb.decode() for verb in self._commands if verb not in unknown))
        return self._context.done(b"HELP", Status(214, "2.0.0", f"mailhost knows\n{known}"))

    def _rset(self, arguments: bytes) -> bool:
        if arguments:
            return self._replies.error("RSET", statuses.NO_ARGUMENT)
        self._transaction.abandon()
        return self._context.done(b"RSET")

    def _quit(self, _: bytes) -> bool:
        self._transaction.abandon()
        return self._replies.close(statuses.GOODBYE)

    _commands: ClassVar[Mapping[bytes, Callable[[Session, bytes], Answer[bool]]]] = {
        b"HELO": lambda session, name: session._hello(b"HELO", name),
        b"EHLO": lambda session, name: session._hello(b"EHLO", name),
        b"LHLO": lambda session, name: session._hello(b"LHLO", name),
        b"MAIL": lambda session, arguments: session._transaction.mail(arguments),
        b"RCPT": lambda session, arguments: session._transaction.rcpt(arguments),
        b"DATA": lambda session, arguments: session._transaction.data(arguments),
        b"BDAT": lambda session, arguments: session._transaction.bdat(arguments),
        b"AUTH": lambda session, arguments: session._auth.run(arguments),
        b"RSET": _rset,
        b"NOOP": _noop,
        b"VRFY": _vrfy,
        b"HELP": _help,
        b"QUIT": _quit,
        b"STARTTLS": _starttls,
    }
