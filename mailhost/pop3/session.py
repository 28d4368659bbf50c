"""A POP3 server session as a state machine without I/O (RFC 1939, RFC 2449, 2595, 5034 and 6856).

Commands run strictly in order. Messages are removed at QUIT only, not after a lost connection. The
commands of one state are in `authorization` and `transaction`; commands of both states are here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import ClassVar

from zope.interface import implementer

from mailhost.interfaces.answer import Answer
from mailhost.interfaces.events import IEventSink
from mailhost.interfaces.logins import IPasswordLogins
from mailhost.interfaces.store import IMailStore
from mailhost.interfaces.wire import IMachine, IWire
from mailhost.message.address import Address
from mailhost.message.client import Client, TLSState
from mailhost.net.account_sessions import ENDED, AccountSessions
from mailhost.net.http import NO_HTTP, is_http
from mailhost.net.read_buffer import BadLine, ReadBuffer
from mailhost.net.sasl.exchange import LONGEST_RESPONSE_LINE
from mailhost.pop3.authorization import AUTHORIZATION, Pop3Authorization
from mailhost.pop3.maildrop import Maildrop
from mailhost.pop3.replies import Pop3Replies
from mailhost.pop3.reply import AUTH_FAILED, IN_USE, TEMPORARY, err, listing, ok
from mailhost.pop3.state import COMMANDS, Pop3State
from mailhost.pop3.transaction import TRANSACTION, Pop3Transaction

LONGEST_COMMAND_LINE = 255  # octets, RFC 2449 §4, with the CRLF
_WHY_NOT_NOW = {Pop3State.AUTHORIZATION: "log in first", Pop3State.TRANSACTION: "you are logged in"}


@implementer(IMachine)
class Pop3Session:
    """One connection, from the greeting to its end. `timeout` is in seconds (RFC 1939 §3)."""

    timeout = 600.0
    may_be_silent = False

    def __init__(
        self,
        wire: IWire,
        client: Client,
        logins: IPasswordLogins,
        store: IMailStore,
        events: IEventSink,
        *,
        tls_available: bool,
        hostname: str,
        sessions: AccountSessions | None = None,
    ) -> None:
        self._wire = wire
        self._sessions = sessions or AccountSessions()
        self._login_mark = 0  # `sessions.mark` when the login began
        self._revoked = False  # the password of the login, or its account, is not valid any more
        self._store = store
        self._tls_available = tls_available
        self._hostname = hostname
        self._buffer = ReadBuffer(bare_lf=True)
        self._replies = Pop3Replies(wire, client, events)
        self._authorization = Pop3Authorization(self._replies, logins, self._open)
        self._account: Address | None = None
        self._transaction: Pop3Transaction | None = None  # None before the login

    # --- IMachine --------------------------------------------------------------------------------

    def greet(self) -> Answer[None]:
        self._replies.write(ok(f"{self._hostname} POP3 ready"))
        return None

    def receive(self, data: bytes) -> None:
        self._buffer.append(data)

    def step(self) -> Answer[bool]:
        if self._replies.over:
            return False
        if self._revoked:
            self._replies.log("session", ENDED)
            return self._replies.close(err(ENDED.text, AUTH_FAILED))
        exchanging = self._authorization.exchanging
        try:
            line = self._buffer.take_line(
                LONGEST_RESPONSE_LINE if exchanging else LONGEST_COMMAND_LINE
            )
        except BadLine as bad:
            self._authorization.forget()
            return self._no_command(bad.beginning, "The line is too long")
        if line is None:
            return False
        return self._authorization.response(line) if exchanging else self._command(line)

    def secured(self, tls: TLSState) -> None:
        """Forget everything that the client sent before TLS (RFC 2595 §4)."""
        self._replies.client = replace(self._replies.client, tls=tls)
        self._buffer.clear()
        self._authorization.forget()

    def timed_out(self) -> None:
        self._replies.write(err("Silent too long; goodbye", TEMPORARY))

    def failed(self) -> None:
        if self._transaction is None or not self._transaction.sending:
            text = "Something failed here; please try again later"
            self._replies.write(err(text, TEMPORARY))

    def stopping(self) -> None:
        if not self._replies.over:
            text = "The server closes this connection; please connect again later"
            self._replies.close(err(text, TEMPORARY))

    def lost(self, reason: str) -> None:
        self._replies.over = True
        self._logged_out()
        if self._transaction is not None:
            self._transaction.drop.release()

    # --- reading ---------------------------------------------------------------------------------

    def _command(self, line: bytes) -> Answer[bool]:
        word, _, arguments = line.partition(b" ")
        verb = word.upper()
        state = Pop3State.AUTHORIZATION if self._transaction is None else Pop3State.TRANSACTION
        if verb not in COMMANDS[state]:
            if not any(verb in commands for commands in COMMANDS.values()):
                return self._no_command(line, "Command not known here")
            return self._replies.error(f"Not now: {_WHY_NOT_NOW[state]}")
        if verb in AUTHORIZATION:
            self._login_mark = self._sessions.mark
            return AUTHORIZATION[verb](self._authorization, arguments)
        if self._transaction is not None and verb in TRANSACTION:
            return TRANSACTION[verb](self._transaction, arguments)
        return self._commands[verb](self, arguments)

    def _no_command(self, line: bytes, text: str) -> bool:
        if is_http(line):
            return self._replies.refuse_and_close("session", NO_HTTP)
        return self._replies.error(text)

    def _revoke(self) -> None:
        self._revoked = True
        self._wire.wake()

    def _logged_out(self) -> None:
        account, self._account = self._account, None
        if account is not None:
            self._sessions.remove(account, self._revoke)

    # --- the mailbox -----------------------------------------------------------------------------

    async def _open(self, account: Address) -> bool:
        """Enter the TRANSACTION state with the mailbox of an account (RFC 1939 §4)."""
        if not self._sessions.add(account, self._revoke, self._login_mark):
            self._replies.log(f"a login as {account}", ENDED)
            return self._replies.write(err(ENDED.text, TEMPORARY))
        self._account = account
        mailbox = self._store.inbox(account)
        lock = None
        try:
            lock = await self._store.exclusive(account).lock()
            if lock is None:
                self._logged_out()
                return self._replies.write(err("Another session has this mailbox", IN_USE))
            messages = await mailbox.messages()
        except OSError as error:
            if lock is not None:
                lock.release()
            self._logged_out()
            self._replies.log_fault("mailbox", error)
            return self._replies.write(err("The mailbox cannot be read now", TEMPORARY))
        drop = Maildrop(mailbox, messages, lock)
        if self._replies.over:  # the connection was lost meanwhile
            drop.release()
            return False
        self._transaction = Pop3Transaction(self._replies, self._wire, drop)
        self._replies.client = replace(self._replies.client, account=account)
        return self._replies.write(ok(f"{drop.count} messages ({drop.octets} octets)"))

    def _quit(self, _: bytes) -> Answer[bool]:
        if self._transaction is None:
            return self._replies.close(ok("Goodbye"))
        drop, self._transaction = self._transaction.drop, None
        return self._update(drop)

    async def _update(self, drop: Maildrop) -> bool:
        """Remove the marked messages (the UPDATE state, RFC 1939 §6), and end the session."""
        try:
            failed = await drop.update()
        except OSError as error:
            failed = -1
            self._replies.log_fault("QUIT", error)
        finally:
            drop.release()
        if failed:
            text = "Some deleted messages were not removed"
            return self._replies.close(err(text, TEMPORARY))
        return self._replies.close(ok("Goodbye"))

    # --- small commands --------------------------------------------------------------------------

    def _capa(self, _: bytes) -> bool:
        capabilities = ["TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING"]
        capabilities += ["EXPIRE NEVER", "UTF8 USER", "LANG", "IMPLEMENTATION mailhost"]
        mechanisms = self._authorization.offered
        if mechanisms:
            capabilities += ["USER", f"SASL {' '.join(mechanisms)}"]
        if self._may_start_tls:
            capabilities.append("STLS")
        return self._replies.write(listing("Capability list follows", capabilities))

    @property
    def _may_start_tls(self) -> bool:
        secure = self._replies.client.tls is not None
        return self._tls_available and not secure and self._transaction is None

    def _stls(self, _: bytes) -> bool:
        if not self._may_start_tls:
            return self._replies.error("TLS is not offered now")
        self._replies.write(ok("Start the handshake"))
        self._buffer.clear()  # commands behind STLS came without encryption (RFC 2595 §4)
        self._wire.start_tls()
        return True

    def _lang(self, arguments: bytes) -> bool:
        """Execute LANG: the only language is English (RFC 6856 §3)."""
        wanted = arguments.strip().lower()
        if not wanted:
            return self._replies.write(listing("Languages", ["en English"]))
        if wanted in (b"*", b"en", b"i-default") or wanted.startswith(b"en-"):
            return self._replies.write(ok("en English"))
        return self._replies.error("The only language is en")

    def _utf8(self, _: bytes) -> bool:
        """Execute UTF8: messages are sent unchanged in any case (RFC 6856 §2)."""
        return self._replies.write(ok("UTF-8 enabled"))

    def _noop(self, _: bytes) -> bool:
        return self._replies.write(ok())

    _commands: ClassVar[Mapping[bytes, Callable[[Pop3Session, bytes], Answer[bool]]]] = {
        b"CAPA": _capa,
        b"LANG": _lang,
        b"UTF8": _utf8,
        b"NOOP": _noop,
        b"QUIT": _quit,
        b"STLS": _stls,
    }
