"""A POP3 server session as a machine without I/O (RFC 1939, with RFC 2449, 2595, 5034 and 6856).

Commands run strictly in order. Nothing is deleted but at QUIT, and not by a lost connection.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import ClassVar

from zope.interface import implementer

from mailhost.concurrency.answers import then
from mailhost.interfaces.answer import Answer
from mailhost.interfaces.events import IEventSink, Refused
from mailhost.interfaces.logins import Challenge, IAuthenticator, ISASLMechanism, SASLStep
from mailhost.interfaces.store import IMailStore, StoredMessage
from mailhost.interfaces.wire import CROWDED_TIMEOUT, IMachine, IWire
from mailhost.message.address import Address
from mailhost.message.client import Client, TLSState
from mailhost.message.status import Status
from mailhost.net.dot_stuffing import stuffed
from mailhost.net.http import NO_HTTP, is_http
from mailhost.net.sasl.mechanisms import new_mechanism
from mailhost.pop3.maildrop import Maildrop
from mailhost.pop3.reply import IN_USE, NOT_PROVEN, TEMPORARY, bad, good, listing, top
from mailhost.pop3.state import COMMANDS, State

COMMAND_LINE = 255  # octets, RFC 2449 §4, with the CRLF
LOGIN_LINE = 12288  # octets, RFC 5034 §4
MOST_ERRORS = 20
ENCRYPT_FIRST = "No password in the clear here; use STLS first"
NO_SUCH = "No such message"


@implementer(IMachine)
class Pop3Session:
    """One connection's life. `timeout` is RFC 1939's ten minutes for an idle client."""

    timeout = 600.0
    crowded_timeout = CROWDED_TIMEOUT

    def __init__(
        self,
        wire: IWire,
        client: Client,
        authenticator: IAuthenticator,
        store: IMailStore,
        events: IEventSink,
        *,
        tls_available: bool,
        hostname: str,
    ) -> None:
        self._wire = wire
        self._client = client
        self._authenticator = authenticator
        self._store = store
        self._events = events
        self._tls_available = tls_available
        self._hostname = hostname
        self._state = State.AUTHORIZATION
        self._buffer = b""
        self._skipped = b""  # the beginning of a line that is too long
        self._over = False
        self._sending = False
        self._errors = 0
        self._username = ""
        self._mechanism: ISASLMechanism | None = None
        self._drop: Maildrop | None = None

    # --- IMachine --------------------------------------------------------------------------------

    def greet(self) -> Answer[None]:
        self._wire.write(good(f"{self._hostname} POP3 ready"))
        return None

    def receive(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data

    def step(self) -> Answer[bool]:
        if self._over:
            return False
        if self._mechanism is not None:
            return self._with_line(LOGIN_LINE, self._respond)
        return self._with_line(COMMAND_LINE, self._command)

    def secured(self, tls: TLSState) -> None:
        self._client = replace(self._client, tls=tls)
        self._buffer, self._username = b"", ""

    def timed_out(self) -> None:
        self._wire.write(bad("Silent too long; goodbye", TEMPORARY))

    def failed(self) -> None:
        if self._sending:  # words in the middle of a message would be taken for part of it
            return
        self._wire.write(bad("Something failed here; please try again later", TEMPORARY))

    def stopping(self) -> None:
        if not self._over:
            self._farewell(bad("Going down for a while; please come back", TEMPORARY))

    def lost(self, reason: str) -> None:
        self._over = True
        if self._drop is not None:
            self._drop.release()

    # --- reading ---------------------------------------------------------------------------------

    def _with_line(self, limit: int, use: Callable[[bytes], Answer[bool]]) -> Answer[bool]:
        """Take a line and give it to `use` without its CRLF. False until it is whole."""
        end = self._buffer.find(b"\n")
        if end < 0:
            if len(self._buffer) > limit:
                self._skipped = self._skipped or self._buffer[:limit]
                self._buffer = b""
            return False
        line, self._buffer = self._buffer[:end], self._buffer[end + 1 :]
        skipped, self._skipped = self._skipped, b""
        if skipped or len(line) > limit:
            return self._no_command(skipped or line, "The line is too long")
        return use(line.removesuffix(b"\r"))

    def _command(self, line: bytes) -> Answer[bool]:
        word, _, arguments = line.partition(b" ")
        verb = word.upper()
        run = self._commands.get(verb)
        if run is None:
            return self._no_command(line, "Command not known here")
        if verb not in COMMANDS[self._state]:
            return self._error("Not now: " + _when(self._state))
        return run(self, arguments)

    def _no_command(self, line: bytes, text: str) -> bool:
        if is_http(line):
            self._events.emit(Refused(self._client, "session", NO_HTTP))
            return self._farewell(bad(NO_HTTP.text))
        return self._error(text)

    def _say(self, reply: bytes) -> bool:
        self._wire.write(reply)
        return True

    def _error(self, text: str, code: str = "") -> bool:
        self._mechanism = None
        self._errors += 1
        if self._errors > MOST_ERRORS:
            status = Status(421, "4.7.0", "Too many errors; goodbye", text)
            self._events.emit(Refused(self._client, "session", status))
            return self._farewell(bad(status.text))
        return self._say(bad(text, code))

    def _farewell(self, reply: bytes) -> bool:
        self._over = True
        self._wire.write(reply)
        self._wire.hang_up()
        return False

    # --- in any state ----------------------------------------------------------------------------

    def _capa(self, _: bytes) -> bool:
        capabilities = ["TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING"]
        capabilities += ["EXPIRE NEVER", "UTF8 USER", "LANG", "IMPLEMENTATION mailhost"]
        mechanisms = self._authenticator.mechanisms(self._client)
        if mechanisms:
            capabilities += ["USER", f"SASL {' '.join(mechanisms)}"]
        if self._may_start_tls:
            capabilities.append("STLS")
        return self._say(listing("What I can do", capabilities))

    def _lang(self, arguments: bytes) -> bool:
        """There is one language (RFC 6856 §3)."""
        wanted = arguments.strip().lower()
        if not wanted:
            return self._say(listing("Languages", ["en English"]))
        if wanted in (b"*", b"en", b"i-default") or wanted.startswith(b"en-"):
            return self._say(good("en English it is"))
        return self._error("Only en is spoken here")

    def _utf8(self, _: bytes) -> bool:
        """Messages go out as they are, UTF-8 included (RFC 6856 §2)."""
        return self._say(good("UTF-8 as it is"))

    def _noop(self, _: bytes) -> bool:
        return self._say(good())

    def _quit(self, _: bytes) -> Answer[bool]:
        if self._drop is None:
            return self._farewell(good("Goodbye"))
        drop, self._drop = self._drop, None
        return self._update(drop)

    async def _update(self, drop: Maildrop) -> bool:
        """The UPDATE state (RFC 1939 §6)."""
        try:
            failed = await drop.update()
        except OSError as error:
            failed = -1
            self._faulted("QUIT", error)
        finally:
            drop.release()
        if failed:
            return self._farewell(bad("Some deleted messages were not removed", TEMPORARY))
        return self._farewell(good("Goodbye"))

    # --- AUTHORIZATION ---------------------------------------------------------------------------

    @property
    def _may_start_tls(self) -> bool:
        return (
            self._tls_available and self._client.tls is None and self._state is State.AUTHORIZATION
        )

    def _stls(self, _: bytes) -> bool:
        if not self._may_start_tls:
            return self._error("TLS is not offered now")
        self._say(good("Start the handshake"))
        self._buffer = b""  # what was pipelined behind it came in the clear (RFC 2595 §4)
        self._wire.start_tls()
        return True

    def _user(self, arguments: bytes) -> bool:
        if not self._authenticator.mechanisms(self._client):
            return self._error(ENCRYPT_FIRST)
        name = _text(arguments)
        if not name:
            return self._error("USER takes a name in UTF-8")
        self._username = name
        return self._say(good("And the password?"))

    def _pass(self, arguments: bytes) -> Answer[bool]:
        name, self._username = self._username, ""
        if not name:
            return self._error("Say USER first")
        password = _text(arguments)
        if not password:
            return self._error("PASS takes a password in UTF-8")
        answer = self._authenticator.password(self._client, name, password, "USER/PASS")
        return then(answer, self._sasl_step)

    def _auth(self, arguments: bytes) -> Answer[bool]:
        offered = self._authenticator.mechanisms(self._client)
        if not offered:
            return self._error(ENCRYPT_FIRST)
        name, _, initial = arguments.partition(b" ")
        if not name:
            return self._say(listing("Mechanisms", offered))
        wanted = name.decode("ascii", "replace").upper()
        mechanism = None
        if wanted in offered:
            mechanism = new_mechanism(wanted, self._client, self._authenticator)
        if mechanism is None:
            return self._error(f"Mechanism not offered; choose from {' '.join(offered)}")
        self._mechanism = mechanism
        if not initial:
            return then(mechanism.respond(None), self._sasl_step)
        return self._respond(b"" if initial == b"=" else initial)

    def _respond(self, line: bytes) -> Answer[bool]:
        mechanism = self._mechanism
        if line == b"*" or mechanism is None:
            return self._error("Login cancelled")
        try:
            response = base64.b64decode(line, validate=True)
        except binascii.Error:
            return self._error("That is not base64")
        return then(mechanism.respond(response), self._sasl_step)

    def _sasl_step(self, step: SASLStep) -> Answer[bool]:
        if isinstance(step, Challenge):
            return self._say(b"+ " + base64.b64encode(step.data) + b"\r\n")
        self._mechanism = None
        if isinstance(step, Address):
            return self._open(step)
        if step.code == 421:
            return self._farewell(bad(step.text, TEMPORARY))
        code = TEMPORARY if step.temporary else NOT_PROVEN if step.code == 535 else ""
        return self._error(step.text, code)

    async def _open(self, account: Address) -> bool:
        mailbox = self._store.inbox(account)
        lock = None
        try:
            lock = await mailbox.lock()
            if lock is None:
                return self._say(bad("Another session has this mailbox", IN_USE))
            messages = await mailbox.messages()
        except OSError as error:
            if lock is not None:
                lock.release()
            self._faulted("mailbox", error)
            return self._say(bad("The mailbox cannot be read now", TEMPORARY))
        drop = Maildrop(mailbox, messages, lock)
        if self._over:  # the client went away meanwhile
            drop.release()
            return False
        self._drop, self._state = drop, State.TRANSACTION
        self._client = replace(self._client, account=account)
        return self._say(good(f"{drop.count} messages ({drop.octets} octets)"))

    # --- TRANSACTION -----------------------------------------------------------------------------

    @property
    def _maildrop(self) -> Maildrop:
        assert self._drop is not None
        return self._drop

    def _stat(self, _: bytes) -> bool:
        return self._say(good(f"{self._maildrop.count} {self._maildrop.octets}"))

    def _list(self, arguments: bytes) -> bool:
        return self._scan(arguments, lambda message: str(message.size))

    def _uidl(self, arguments: bytes) -> bool:
        return self._scan(arguments, lambda message: message.unique)

    def _scan(self, arguments: bytes, tell: Callable[[StoredMessage], str]) -> bool:
        """LIST and UIDL: one message, or all that are not marked."""
        if arguments:
            number, message = self._numbered(arguments)
            if message is None:
                return self._error(NO_SUCH)
            return self._say(good(f"{number} {tell(message)}"))
        drop = self._maildrop
        every = (f"{number} {tell(message)}" for number, message in drop)
        return self._say(listing(f"{drop.count} messages", every))

    def _retr(self, arguments: bytes) -> Answer[bool]:
        _, message = self._numbered(arguments)
        if message is None:
            return self._error(NO_SUCH)
        return self._send(message, f"{message.size} octets", None)

    def _top(self, arguments: bytes) -> Answer[bool]:
        which, _, count = arguments.partition(b" ")
        _, message = self._numbered(which)
        if message is None or not count.isdigit() or len(count) > 9:
            return self._error(NO_SUCH if message is None else "TOP takes two numbers")
        return self._send(message, "Here it begins", int(count))

    async def _send(self, message: StoredMessage, text: str, lines: int | None) -> bool:
        try:
            content = await self._maildrop.mailbox.open(message)
        except FileNotFoundError:
            return self._say(bad("The message was removed by somebody else"))
        except OSError as error:
            self._faulted("message", error)
            return self._say(bad("The message cannot be read now", TEMPORARY))
        self._wire.write(good(text))
        chunks: Iterator[bytes] = content.chunks()
        self._sending = True
        await self._wire.stream(stuffed(chunks if lines is None else top(chunks, lines)))
        self._sending = False
        return True

    def _dele(self, arguments: bytes) -> bool:
        number, message = self._numbered(arguments)
        if message is None:
            return self._error(NO_SUCH)
        self._maildrop.mark(number)
        return self._say(good("Marked"))

    def _rset(self, _: bytes) -> bool:
        self._maildrop.unmark_all()
        return self._say(good(f"{self._maildrop.count} messages"))

    def _numbered(self, argument: bytes) -> tuple[int, StoredMessage | None]:
        if not argument.isdigit() or len(argument) > 9:
            return 0, None
        return int(argument), self._maildrop.get(int(argument))

    def _faulted(self, what: str, error: OSError) -> None:
        status = Status(451, "4.3.0", "Cannot read or write the mailbox now", str(error))
        self._events.emit(Refused(self._client, what, status))

    _commands: ClassVar[Mapping[bytes, Callable[[Pop3Session, bytes], Answer[bool]]]] = {
        b"CAPA": _capa,
        b"LANG": _lang,
        b"UTF8": _utf8,
        b"NOOP": _noop,
        b"QUIT": _quit,
        b"STLS": _stls,
        b"USER": _user,
        b"PASS": _pass,
        b"AUTH": _auth,
        b"STAT": _stat,
        b"LIST": _list,
        b"UIDL": _uidl,
        b"RETR": _retr,
        b"TOP": _top,
        b"DELE": _dele,
        b"RSET": _rset,
    }


def _when(state: State) -> str:
    return "log in first" if state is State.AUTHORIZATION else "you are logged in"


def _text(argument: bytes) -> str:
    """A name or password: UTF-8 without NUL, empty for what is none."""
    try:
        text = argument.decode()
    except UnicodeDecodeError:
        return ""
    return "" if "\0" in text else text
