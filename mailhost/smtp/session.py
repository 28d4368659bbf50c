"""An SMTP or LMTP server session as a machine without I/O (RFC 5321, RFC 2033).

It reads commands strictly in order, keeps the state table, asks its IReception what may be, and
writes replies. It knows no domain and no mailbox.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from zope.interface import implementer

from mailhost.events import Refused
from mailhost.interfaces import (
    Answer,
    Challenge,
    IAuthenticator,
    IEventSink,
    IMachine,
    IReception,
    ITransaction,
    IWire,
    SASLStep,
)
from mailhost.message.address import Address
from mailhost.message.client import Client, TLSState
from mailhost.message.envelope import Body, Envelope, ForwardPath
from mailhost.message.status import LOCAL_ERROR, OK, Status
from mailhost.net.answer import then
from mailhost.net.sasl.mechanisms import new_mechanism
from mailhost.smtp import grammar
from mailhost.smtp.command import BadCommand, parse_mail, parse_rcpt
from mailhost.smtp.extensions import encode_hello
from mailhost.smtp.incoming import TOO_LARGE, Incoming
from mailhost.smtp.login import LoginExchange, encode_challenge
from mailhost.smtp.reply import encode_reply
from mailhost.smtp.state import NEXT, State
from mailhost.smtp.terms import COMMAND_LINE, LOGIN_LINE, Terms

UNKNOWN = Status(500, "5.5.1", "Command not known here; HELP lists those that are")
OUT_OF_ORDER = Status(503, "5.5.1", "Wrong order of commands")
TOO_LONG = Status(500, "5.5.2", "The line is too long")
BARE_LF = Status(500, "5.5.2", "End every line with CRLF, not with a bare LF")
NO_ARGUMENT = Status(501, "5.5.4", "This command takes no argument")
TOO_MANY = Status(452, "4.5.3", "Too many recipients; send the rest in another transaction")
NO_RECIPIENTS = Status(554, "5.5.1", "No valid recipients")
NEEDS_BDAT = Status(503, "5.5.1", "BINARYMIME goes with BDAT, not with DATA (RFC 3030)")
GO_AHEAD = Status(354, "", "Send the message, then a line with a dot alone")
CAN_VERIFY = Status(252, "2.5.0", "Cannot verify the user; send mail and see")
TOO_MANY_ERRORS = Status(421, "4.7.0", "Too many errors; goodbye")
TOO_IDLE = Status(421, "4.7.0", "Too many commands without a message; goodbye")
TIMED_OUT = Status(421, "4.4.2", "Silent too long; goodbye")
STOPPING = Status(421, "4.3.2", "Going down for a while; please come back")
BUG = Status(421, "4.3.0", "Something failed here; please try again later")
GOODBYE = Status(221, "2.0.0", "Goodbye")
START_HANDSHAKE = Status(220, "2.0.0", "Start the handshake")
LOGGED_IN = Status(235, "2.7.0", "Logged in")
ENCRYPT_FIRST = Status(538, "5.7.11", "No password in the clear here; use STARTTLS first")


@implementer(IMachine)
class Session:
    """One connection's life."""

    def __init__(
        self,
        wire: IWire,
        client: Client,
        reception: IReception,
        authenticator: IAuthenticator | None,
        terms: Terms,
        events: IEventSink,
    ) -> None:
        self._wire = wire
        self._client = client
        self._reception = reception
        self._authenticator = authenticator
        self._terms = terms
        self._events = events
        self._state = State.GREETED
        self._buffer = b""
        self._read: Callable[[], Answer[bool]] = self._read_command
        self._skipping = False
        self._over = False
        self._stopping = False
        self._errors = 0
        self._idle = 0
        self._login: LoginExchange | None = None
        self._chunk_left = 0
        self._last_chunk = False
        self._forget_transaction()

    def _forget_transaction(self) -> None:
        self._transaction: ITransaction | None = None
        self._envelope = Envelope(None)
        self._accepted: list[ForwardPath] = []
        self._incoming: Incoming | None = None

    # --- IMachine --------------------------------------------------------------------------------

    @property
    def timeout(self) -> float:
        """Seconds of silence that are borne now (RFC 5321 §4.5.3.2)."""
        waiting_for_content = self._read != self._read_command and self._login is None
        return self._terms.data_timeout if waiting_for_content else self._terms.command_timeout

    def greet(self) -> Answer[None]:
        return then(self._reception.connected(self._client), self._greeting)

    def receive(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data

    def step(self) -> Answer[bool]:
        if self._over:
            return False
        if self._stopping and self._at_rest:
            return self._farewell(STOPPING)
        return self._read()

    def secured(self, tls: TLSState) -> None:
        self._client = replace(self._client, tls=tls, hello="", extended=False)
        self._buffer = b""

    def timed_out(self) -> None:
        self._write(TIMED_OUT)

    def failed(self) -> None:
        self._write(BUG)

    def stopping(self) -> None:
        self._stopping = True
        if self._at_rest and not self._over:
            self._farewell(STOPPING)

    def lost(self, reason: str) -> None:
        self._over = True
        if self._transaction is not None and self._accepted:
            cause = f"connection lost before the message was whole: {reason}"
            self._refused("message", Status(451, "4.4.2", "Connection lost", cause))
        self._abandon()

    # --- reading ---------------------------------------------------------------------------------

    @property
    def _at_rest(self) -> bool:
        return self._transaction is None and self._read == self._read_command

    def _with_line(self, limit: int, use: Callable[[bytes], Answer[bool]]) -> Answer[bool]:
        """Take a line and give it to `use` without its CRLF. False until it is whole."""
        end = self._buffer.find(b"\n")
        if end < 0:
            if len(self._buffer) > limit:
                self._skipping, self._buffer = True, b""
            return False
        line, self._buffer = self._buffer[:end], self._buffer[end + 1 :]
        if self._skipping or len(line) > limit:
            self._skipping = False
            return self._error("line", TOO_LONG)
        if not line.endswith(b"\r"):
            return self._error("line", BARE_LF)
        return use(line[:-1])

    def _read_command(self) -> Answer[bool]:
        return self._with_line(COMMAND_LINE, self._command)

    def _command(self, line: bytes) -> Answer[bool]:
        word, _, arguments = line.partition(b" ")
        verb = word.upper()
        run = self._commands.get(verb)
        if run is None:
            return self._error(_shown(line), UNKNOWN)
        if verb not in NEXT[self._state]:
            if verb == b"BDAT":
                return self._swallow(arguments)
            return self._error(_shown(word), self._why_not_now(verb))
        return run(self, arguments.rstrip(b" "))

    def _why_not_now(self, verb: bytes) -> Status:
        if self._state is State.GREETED:
            return replace(OUT_OF_ORDER, words="Say EHLO first")
        if verb in (b"DATA", b"BDAT") and self._state is State.SENDER:
            return NO_RECIPIENTS
        if verb in (b"RCPT", b"DATA", b"BDAT") and self._state is State.READY:
            return replace(OUT_OF_ORDER, words="Say MAIL FROM first")
        return OUT_OF_ORDER

    # --- replying --------------------------------------------------------------------------------

    def _write(self, status: Status) -> None:
        self._wire.write(encode_reply(status))

    def _done(self, verb: bytes, status: Status = OK) -> bool:
        """The command succeeded: take the state that the table says, and reply."""
        self._state = NEXT[self._state][verb]
        self._write(status)
        return True

    def _refused(self, what: str, status: Status) -> None:
        self._events.tell(Refused(self._client, what, status))

    def _refuse(self, what: str, status: Status) -> bool:
        """Reply with a refusal that the client may act on, and tell the operator."""
        self._refused(what, status)
        if status.code == 421:
            return self._farewell(status)
        self._write(status)
        return True

    def _error(self, what: str, status: Status) -> bool:
        """Reply to a line that makes no sense, which ends a login; too many end the session."""
        self._read, self._login = self._read_command, None
        self._errors += 1
        if self._errors > self._terms.errors:
            return self._refuse(what, TOO_MANY_ERRORS)
        return self._refuse(what, status)

    def _useless(self) -> bool:
        """Count a command that brings no message nearer; True when the session must end."""
        self._idle += 1
        return self._idle > self._terms.idle_commands

    def _farewell(self, status: Status) -> bool:
        self._over = True
        self._write(status)
        self._wire.hang_up()
        return False

    # --- greeting, hello, small commands ---------------------------------------------------------

    def _greeting(self, refusal: Status | None) -> None:
        if refusal is not None:
            self._refused("connection", refusal)
            self._farewell(refusal)
            return
        kind = "LMTP" if self._terms.lmtp else "ESMTP"
        self._write(Status(220, "", f"{self._terms.hostname} {kind} ready"))

    def _hello(self, verb: bytes, name: bytes) -> Answer[bool]:
        if self._terms.lmtp is not (verb == b"LHLO"):
            words = "LHLO" if self._terms.lmtp else "EHLO or HELO"
            return self._error(_shown(verb), Status(500, "5.5.1", f"Say {words} here"))
        if not grammar.HELLO_NAME.fullmatch(name):
            words = f"Say {verb.decode()} with your name"
            return self._error(_shown(verb), Status(501, "5.5.4", words))
        if self._useless():
            return self._refuse(_shown(verb), TOO_IDLE)
        self._abandon()
        text = name.decode("utf-8", "replace")
        self._client = replace(self._client, hello=text, extended=verb != b"HELO")
        return then(self._reception.hello(self._client), self._greeted(verb))

    def _greeted(self, verb: bytes) -> Callable[[Status | None], bool]:
        def reply(refusal: Status | None) -> bool:
            if refusal is not None:
                return self._refuse(f"{verb.decode()} {self._client.hello}", refusal)
            self._state = NEXT[self._state][verb]
            if verb == b"HELO":
                self._write(Status(250, "", self._terms.hostname))
                return True
            starttls = self._terms.starttls and self._client.tls is None
            self._wire.write(encode_hello(self._terms, starttls, self._mechanisms()))
            return True

        return reply

    def _helo(self, name: bytes) -> Answer[bool]:
        return self._hello(b"HELO", name)

    def _ehlo(self, name: bytes) -> Answer[bool]:
        return self._hello(b"EHLO", name)

    def _lhlo(self, name: bytes) -> Answer[bool]:
        return self._hello(b"LHLO", name)

    def _noop(self, _: bytes) -> bool:
        return self._refuse("NOOP", TOO_IDLE) if self._useless() else self._done(b"NOOP")

    def _vrfy(self, _: bytes) -> bool:
        if self._useless():
            return self._refuse("VRFY", TOO_IDLE)
        return self._done(b"VRFY", CAN_VERIFY)

    def _help(self, _: bytes) -> bool:
        if self._useless():
            return self._refuse("HELP", TOO_IDLE)
        known = " ".join(sorted(verb.decode() for verb in self._commands))
        return self._done(b"HELP", Status(214, "2.0.0", f"mailhost knows\n{known}"))

    def _rset(self, arguments: bytes) -> bool:
        if arguments:
            return self._error("RSET", NO_ARGUMENT)
        if self._useless():
            return self._refuse("RSET", TOO_IDLE)
        self._abandon()
        return self._done(b"RSET")

    def _quit(self, _: bytes) -> bool:
        return self._farewell(GOODBYE)

    # --- STARTTLS and AUTH -----------------------------------------------------------------------

    def _starttls(self, arguments: bytes) -> bool:
        if arguments:
            return self._error("STARTTLS", NO_ARGUMENT)
        if not self._terms.starttls or self._client.tls is not None:
            return self._error("STARTTLS", replace(OUT_OF_ORDER, words="TLS is not offered now"))
        self._done(b"STARTTLS", START_HANDSHAKE)
        self._buffer = b""  # what was pipelined behind it came in the clear (RFC 3207 §4.2)
        self._wire.start_tls()
        return True

    def _mechanisms(self) -> tuple[str, ...]:
        if self._authenticator is None:
            return ()
        return tuple(self._authenticator.mechanisms(self._client))

    def _auth(self, arguments: bytes) -> Answer[bool]:
        name, _, initial = arguments.partition(b" ")
        offered = self._mechanisms()
        if self._authenticator is None or self._client.account is not None:
            return self._error("AUTH", OUT_OF_ORDER)
        if not offered:
            return self._error("AUTH", ENCRYPT_FIRST)
        mechanism = None
        if (wanted := name.decode("ascii", "replace").upper()) in offered:
            mechanism = new_mechanism(wanted, self._client, self._authenticator)
        if mechanism is None:
            words = f"Mechanism not offered; choose from {' '.join(offered)}"
            return self._error("AUTH", Status(504, "5.5.4", words))
        self._login = LoginExchange(mechanism)
        return then(self._login.begin(initial or None), self._sasl_step)

    def _read_login(self) -> Answer[bool]:
        assert self._login is not None
        login = self._login
        return self._with_line(LOGIN_LINE, lambda line: then(login.line(line), self._sasl_step))

    def _sasl_step(self, step: SASLStep) -> bool:
        if isinstance(step, Challenge):
            self._read = self._read_login
            self._wire.write(encode_challenge(step))
            return True
        self._read, self._login = self._read_command, None
        if isinstance(step, Address):
            self._client = replace(self._client, account=step)
            return self._done(b"AUTH", LOGGED_IN)
        self._errors += 1
        if step.code == 421 or self._errors > self._terms.errors:
            return self._farewell(step if step.code == 421 else TOO_MANY_ERRORS)
        self._write(step)
        return True

    # --- MAIL and RCPT ---------------------------------------------------------------------------

    def _mail(self, arguments: bytes) -> Answer[bool]:
        try:
            envelope = parse_mail(arguments)
        except BadCommand as bad:
            return self._error("MAIL " + _shown(arguments), bad.status)
        if envelope.size > self._terms.message_size:
            return self._refuse("MAIL " + _shown(arguments), TOO_LARGE)
        self._envelope = envelope
        return then(self._reception.transaction(self._client, envelope), self._opened)

    def _opened(self, transaction: ITransaction | Status) -> bool:
        if isinstance(transaction, Status):
            return self._refuse(f"MAIL FROM:<{self._envelope.reverse_path or ''}>", transaction)
        self._transaction = transaction
        return self._done(b"MAIL", Status(250, "2.1.0", "Sender OK"))

    def _rcpt(self, arguments: bytes) -> Answer[bool]:
        try:
            path = parse_rcpt(arguments, self._envelope.smtputf8)
        except BadCommand as bad:
            return self._error("RCPT " + _shown(arguments), bad.status)
        if len(self._accepted) >= self._terms.recipients:
            return self._refuse("RCPT", TOO_MANY)
        assert self._transaction is not None
        answer = self._transaction.recipient(path)
        if isinstance(answer, Status):
            return self._answered(path, answer)
        return then(answer, lambda status: self._answered(path, status))

    def _answered(self, path: ForwardPath, status: Status) -> bool:
        if status.ok:
            self._accepted.append(path)
            return self._done(b"RCPT", status)
        if status.permanent:
            self._errors += 1  # guessing names is an error too
            if self._errors > self._terms.errors:
                return self._refuse(f"RCPT TO:<{path.address}>", TOO_MANY_ERRORS)
        return self._refuse(f"RCPT TO:<{path.address}>", status)

    # --- content ---------------------------------------------------------------------------------

    def _data(self, arguments: bytes) -> Answer[bool]:
        if arguments:
            return self._error("DATA", NO_ARGUMENT)
        if self._envelope.body is Body.BINARY:
            return self._error("DATA", NEEDS_BDAT)
        assert self._transaction is not None
        return then(self._transaction.begin(), self._go_ahead)

    def _go_ahead(self, refusal: Status | None) -> bool:
        if refusal is not None:
            self._abandon()
            self._state = State.READY
            return self._refuse("DATA", refusal)
        assert self._transaction is not None
        self._incoming = Incoming(self._transaction, self._terms.message_size)
        self._read = self._read_data
        self._write(GO_AHEAD)
        return True

    def _read_data(self) -> Answer[bool]:
        if not self._buffer or self._incoming is None:
            return False
        block, self._buffer = self._buffer, b""
        more, rest = self._incoming.data(block)
        if rest is None:
            return True if more is None else then(more, lambda _: True)
        self._buffer = rest
        self._read = self._read_command
        return self._end() if more is None else then(more, lambda _: self._end())

    def _bdat(self, arguments: bytes) -> Answer[bool]:
        if not self._chunk_announced(arguments):
            return False
        self._state = NEXT[self._state][b"BDAT"]
        self._read = self._read_chunk
        if self._incoming is not None:
            return True
        assert self._transaction is not None
        return then(self._transaction.begin(), self._begun_chunks)

    def _chunk_announced(self, arguments: bytes) -> bool:
        match = grammar.BDAT.fullmatch(arguments)
        if not match:
            # without a size the session cannot be kept in step with the client (RFC 3030 §2)
            self._refuse("BDAT", Status(421, "4.5.2", "BDAT needs a size; goodbye"))
            return False
        self._chunk_left, self._last_chunk = int(match[1]), bool(match[2])
        return True

    def _swallow(self, arguments: bytes) -> bool:
        """BDAT out of order: its octets come all the same, and are no commands."""
        if self._chunk_announced(arguments):
            self._read = self._read_swallowed
        return not self._over

    def _read_swallowed(self) -> bool:
        taken = min(self._chunk_left, len(self._buffer))
        self._chunk_left -= taken
        self._buffer = self._buffer[taken:]
        return False if self._chunk_left else self._error("BDAT", self._why_not_now(b"BDAT"))

    def _begun_chunks(self, refusal: Status | None) -> bool:
        assert self._transaction is not None
        self._incoming = Incoming(self._transaction, self._terms.message_size)
        self._incoming.refusal = refusal
        return True

    def _read_chunk(self) -> Answer[bool]:
        assert self._incoming is not None
        if self._chunk_left and not self._buffer:
            return False
        chunk = self._buffer[: self._chunk_left]
        self._buffer = self._buffer[len(chunk) :]
        self._chunk_left -= len(chunk)
        more = self._incoming.chunk(chunk)
        if self._chunk_left:
            return True if more is None else then(more, lambda _: True)
        self._read = self._read_command
        return self._chunk_end() if more is None else then(more, lambda _: self._chunk_end())

    def _chunk_end(self) -> Answer[bool]:
        assert self._incoming is not None
        if self._last_chunk:
            return self._end()
        if self._incoming.refusal is not None:
            return self._ended([self._incoming.refusal])
        self._write(Status(250, "2.0.0", f"{self._incoming.size} octets so far"))
        return True

    def _end(self) -> Answer[bool]:
        """The content is whole: refuse it, or ask for the 250."""
        assert self._incoming is not None and self._transaction is not None
        if self._incoming.refusal is not None:
            return self._ended([self._incoming.refusal])
        transaction, self._transaction = self._transaction, None
        return then(transaction.end(), self._ended)

    def _ended(self, statuses: Sequence[Status]) -> bool:
        accepted = len(self._accepted)
        self._abandon()
        self._state = State.READY
        self._idle = 0
        if self._terms.lmtp and len(statuses) == 1:
            statuses = [statuses[0]] * accepted
        for status in statuses or [LOCAL_ERROR]:
            if status.ok:
                self._write(status)
            elif not self._refuse("message", status):
                return False
        return True

    def _abandon(self) -> None:
        transaction = self._transaction
        self._forget_transaction()
        if transaction is not None:
            transaction.abandon()

    _commands: ClassVar[Mapping[bytes, Callable[[Session, bytes], Answer[bool]]]] = {
        b"HELO": _helo,
        b"EHLO": _ehlo,
        b"LHLO": _lhlo,
        b"MAIL": _mail,
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


def _shown(text: bytes) -> str:
    """What a client sent, for the log: printable and short."""
    return text[:80].decode("ascii", "backslashreplace").encode("unicode_escape").decode()
