"""An IMAP server session as a machine without I/O (RFC 9051; RFC 3501 for clients that do not
enable IMAP4rev2).

Commands run strictly in order, one at a time; each is in a file of `commands/`, and
`commands/table` says in which state it is allowed. Reading is here: whole commands, literals that
they announce, the lines of an AUTHENTICATE exchange, and DONE after IDLE. After each command, and
while the client idles, it is told what has changed in the selected mailbox.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace
from typing import cast

from zope.interface import implementer

from mailhost.concurrency.answers import result_of
from mailhost.imap.appending import Appending
from mailhost.imap.commands.capability import capabilities
from mailhost.imap.commands.needed import needed
from mailhost.imap.commands.notify import tell_changes
from mailhost.imap.commands.table import ALLOWED, command_of
from mailhost.imap.commands.table import BEFORE_LOGIN as BEFORE_LOGIN_ONLY
from mailhost.imap.completion import Completion, bad, no, ok
from mailhost.imap.context import Context, State
from mailhost.imap.exchange import LoginExchange
from mailhost.imap.grammar.commands import Tagged
from mailhost.imap.grammar.commands_mailbox import Append, NotifyEvent
from mailhost.imap.grammar.commands_session import Authenticate, Compress, Idle, StartTls
from mailhost.imap.grammar.cursor import BadCharset, BadEvent, BadMailboxName, BadSyntax
from mailhost.imap.grammar.reader import (
    AFTER_LOGIN,
    BEFORE_LOGIN,
    Announced,
    CommandReader,
    Complete,
    Octets,
    TooLong,
)
from mailhost.imap.grammar.response import (
    BYE,
    UNTAGGED,
    bad_charset,
    bad_event,
    capability,
    continuation,
    status,
)
from mailhost.imap.grammar.table import is_done, read_announced, read_command
from mailhost.imap.idling import Idling
from mailhost.imap.notifying import Notifying
from mailhost.imap.updates import tell_updates
from mailhost.interfaces.answer import Answer
from mailhost.interfaces.wire import IMachine
from mailhost.message.client import TLSState
from mailhost.message.status import Status
from mailhost.net.account_sessions import ENDED
from mailhost.net.http import NO_HTTP, is_http

MOST_ERRORS = 20  # BAD replies in a row, or before the login, before the session ends
BEFORE_LOGIN_TIMEOUT = 120.0  # seconds
IDLE_TIMEOUT = 1800.0  # seconds, RFC 9051 §5.4
LOGGED_IN = "You are logged in already"
_WHY_NOT = {
    State.NOT_AUTHENTICATED: "Log in first",
    State.AUTHENTICATED: "Select a mailbox first",
}


@implementer(IMachine)
class ImapSession:
    """One connection's life."""

    __slots__ = ("_appending", "_context", "_errors", "_exchange", "_idling", "_reader")

    def __init__(self, context: Context) -> None:
        self._context = context
        self._reader = CommandReader(BEFORE_LOGIN)
        self._exchange: LoginExchange | None = None
        self._appending: Appending | None = None
        self._idling: Idling | None = None
        self._errors = 0

    # --- IMachine --------------------------------------------------------------------------------

    @property
    def timeout(self) -> float:
        """Seconds of silence after which the connection ends."""
        if self._context.state is State.NOT_AUTHENTICATED:
            return BEFORE_LOGIN_TIMEOUT
        return IDLE_TIMEOUT if self._reader.between_commands else self._context.options.data_timeout

    @property
    def may_be_silent(self) -> bool:
        """True while the client idles."""
        return self._idling is not None

    def greet(self) -> Answer[None]:
        offered = capability(capabilities(self._context))
        text = f"{self._context.options.hostname} IMAP ready"
        self._context.wire.write(ok(text, offered).line(UNTAGGED))
        return None

    def receive(self, data: bytes) -> None:
        self._reader.receive(data)

    def step(self) -> Answer[bool]:
        if self._context.over:
            return False
        if self._context.revoked:
            return self._dismiss(ENDED)
        event = self._reader.next()
        if event is None:
            return self._tell_unasked()
        if isinstance(event, Complete):
            return self._complete(event)
        if isinstance(event, Octets):
            assert self._appending is not None
            return self._appending.octets(event)
        if isinstance(event, Announced):
            return self._announced(event)
        return self._too_long(event)

    def secured(self, tls: TLSState) -> None:
        """Commands that were sent in the clear are discarded (RFC 9051 §6.2.1)."""
        self._context.client = replace(self._context.client, tls=tls)
        self._reader.clear()

    def timed_out(self) -> None:
        self._farewell("Silent too long")

    def failed(self) -> None:
        self._farewell("Something failed here; please try again later")

    def stopping(self) -> None:
        if not self._context.over:
            self._farewell("The server closes this connection; please connect again later")

    def lost(self, reason: str) -> None:
        self._context.ended()
        self._stop_idling()
        if self._appending is not None:
            self._appending.drop()

    def _farewell(self, text: str) -> None:
        self._context.over = True
        self._context.wire.write(status(UNTAGGED, BYE, text))
        self._context.wire.hang_up()

    # --- reading ---------------------------------------------------------------------------------

    def _complete(self, event: Complete) -> Answer[bool]:
        if self._exchange is not None:
            return self._response(event)
        if self._appending is not None:
            return self._appended(event)
        if self._idling is not None:
            done = self._end_idle(event)
            if done is not None:
                return done
        return self._command(event)

    def _command(self, event: Complete) -> Answer[bool]:
        line = event.line
        if line is not None and not line:
            return True  # an empty line, as some clients send after a literal
        try:
            tagged = read_command(event.parts, self._context.mode)
        except BadSyntax as fault:
            return self._malformed(event, fault)
        refusal = self._not_allowed(tagged)
        if refusal is not None:
            return self._error(tagged.tag, refusal)
        return self._run(tagged)

    def _not_allowed(self, tagged: Tagged) -> Completion | None:
        state, allowed = self._context.state, ALLOWED[type(tagged.command)]
        if state not in allowed:
            return bad(LOGGED_IN if allowed == BEFORE_LOGIN_ONLY else _WHY_NOT[state])
        return self._not_offered(tagged)

    def _not_offered(self, tagged: Tagged) -> Completion | None:
        if not self._context.disabled:
            return None
        for name in needed(tagged.command):
            if not self._context.offers([name]):
                return bad(f"{name} is not offered")
        return None

    def _run(self, tagged: Tagged) -> Answer[bool]:
        command = tagged.command
        self._context.tag = tagged.tag
        if self._context.state is State.NOT_AUTHENTICATED:
            self._context.login_mark = self._context.sessions.mark
        if isinstance(command, Authenticate):
            self._exchange = LoginExchange(self._context, tagged.tag)
            return self._exchanged(self._exchange.begin(command))
        if isinstance(command, Idle):
            return self._begin_idle(tagged.tag)
        result = command_of(command)(self._context, command)
        if isinstance(result, Completion) and self._context.selected is None:
            return self._finish(tagged, result)
        return self._wait(tagged, result)

    async def _wait(self, tagged: Tagged, result: Answer[Completion]) -> bool:
        completion = await result_of(result)
        if self._context.selected is not None:
            await tell_updates(self._context, tagged.command)
        return self._finish(tagged, completion)

    def _finish(self, tagged: Tagged, completion: Completion) -> bool:
        context = self._context
        if completion.status == b"BAD" and not context.over:
            return self._error(tagged.tag, completion)
        context.wire.write(completion.line(tagged.tag))
        if context.state is not State.NOT_AUTHENTICATED:
            self._reader.limits = AFTER_LOGIN
            self._errors = 0
        if isinstance(tagged.command, StartTls) and completion.status == b"OK":
            self._reader.clear()  # what was pipelined behind it came in the clear
            context.wire.start_tls()
        if isinstance(tagged.command, Compress) and completion.status == b"OK":
            self._reader.clear()  # a client waits for the reply (RFC 4978 §3)
            context.wire.compress()
        if context.over:
            context.wire.hang_up()
            return False
        return True

    def _malformed(self, event: Complete, fault: BadSyntax) -> bool:
        line = event.parts[0]
        if isinstance(line, bytes) and is_http(line):
            return self._dismiss(NO_HTTP)
        if isinstance(fault, BadCharset):
            return self._refuse(fault, bad_charset())
        if isinstance(fault, BadMailboxName):
            return self._refuse(fault, b"CANNOT")
        if isinstance(fault, BadEvent):
            return self._refuse(fault, bad_event(event.value for event in NotifyEvent))
        return self._error(fault.tag, bad(str(fault)))

    def _refuse(self, fault: BadSyntax, code: bytes) -> bool:
        self._context.wire.write(no(str(fault), code).line(fault.tag))
        return True

    def _error(self, tag: bytes, completion: Completion) -> bool:
        """Reply BAD, and count it: too many end the session."""
        self._errors += 1
        self._context.wire.write(completion.line(tag))
        if self._errors > MOST_ERRORS:
            return self._dismiss(Status(421, "4.7.0", "Too many errors; goodbye"))
        return True

    def _dismiss(self, status: Status) -> bool:
        self._context.refused("session", status)
        self._farewell(status.text)
        return False

    def _too_long(self, event: TooLong) -> bool:
        if is_http(event.beginning):
            return self._dismiss(NO_HTTP)
        self._exchange = None
        self._stop_idling()
        return self._error(event.tag, bad(event.text))

    # --- literals --------------------------------------------------------------------------------

    def _announced(self, event: Announced) -> Answer[bool]:
        """Accept a literal, stream it, or refuse it before it is sent."""
        if self._appending is not None:
            return self._next_message(event)
        tagged = None
        try:
            tagged = read_announced(event.parts, self._context.mode)
        except BadSyntax as fault:
            self._reader.refuse()
            return self._error(fault.tag, bad(str(fault)))
        if tagged is not None:
            return self._begin_append(event, tagged)
        if event.too_big:
            self._reader.refuse()
            return self._error(_tag_of(event), bad(event.too_big, b"TOOBIG"))
        self._reader.accept()
        if event.waiting:
            self._context.wire.write(continuation(b"Send the literal"))
        return True

    def _begin_append(self, event: Announced, tagged: Tagged) -> Answer[bool]:
        refusal = self._not_allowed(tagged)
        if refusal is not None:
            self._reader.refuse()
            return self._error(tagged.tag, refusal)
        self._appending = Appending(self._context, tagged.tag)
        return self._next_message(event, tagged)

    def _next_message(self, event: Announced, tagged: Tagged | None = None) -> Answer[bool]:
        """A message of an APPEND is announced, the first or another one."""
        appending = self._appending
        assert appending is not None
        try:
            found = tagged or read_announced(event.parts, self._context.mode)
        except BadSyntax as fault:
            self._reader.refuse()
            self._end_append()
            return self._error(fault.tag, bad(str(fault)))
        assert found is not None
        assert isinstance(found.command, Append)
        if tagged is None and not self._context.offers(["MULTIAPPEND"]):
            refusal: Completion | None = bad("MULTIAPPEND is not offered")
        else:
            refusal = self._not_offered(found) or appending.announced(found.command)
        if refusal is not None:
            self._reader.refuse()
            self._end_append()
            self._context.wire.write(refusal.line(found.tag))
            return True
        self._reader.stream()
        if event.waiting:
            self._context.wire.write(continuation(b"Send the message"))
        return True

    def _appended(self, event: Complete) -> Answer[bool]:
        """All messages of an APPEND are there."""
        appending = self._appending
        assert appending is not None
        try:
            tagged = read_command(event.parts, self._context.mode)
        except BadSyntax as fault:
            self._end_append()
            return self._error(fault.tag, bad(str(fault)))
        self._appending = None
        return self._wait(tagged, appending.finish(cast("Append", tagged.command)))

    def _end_append(self) -> None:
        if self._appending is not None:
            self._appending.drop()
            self._appending = None

    # --- AUTHENTICATE ----------------------------------------------------------------------------

    def _response(self, event: Complete) -> Answer[bool]:
        exchange = self._exchange
        assert exchange is not None
        line = event.line
        if line is None or b" " in line:  # a command, which base64 cannot be
            self._exchange = None
            going_on = self._error(exchange.tag, bad("The exchange was ended by a command"))
            return self._command(event) if going_on else False
        return self._exchanged(exchange.line(line))

    def _exchanged(self, answer: Answer[Completion | None]) -> Answer[bool]:
        if hasattr(answer, "__await__"):
            return self._exchanged_later(cast("Awaitable[Completion | None]", answer))
        return self._after_exchange(answer)

    async def _exchanged_later(self, answer: Awaitable[Completion | None]) -> bool:
        return self._after_exchange(await answer)

    def _after_exchange(self, completion: Completion | None) -> bool:
        """`completion` is None while the client has to answer a challenge."""
        if completion is None:
            return True
        assert self._exchange is not None
        tag, self._exchange = self._exchange.tag, None
        if completion.status == b"BAD":
            return self._error(tag, completion)
        self._context.wire.write(completion.line(tag))
        if self._context.state is not State.NOT_AUTHENTICATED:
            self._reader.limits = AFTER_LOGIN
        return self._hung_up_if_over()

    def _hung_up_if_over(self) -> bool:
        if self._context.over:
            self._context.wire.hang_up()
        return not self._context.over

    # --- IDLE ------------------------------------------------------------------------------------

    def _begin_idle(self, tag: bytes) -> Answer[bool]:
        self._idling = Idling(self._context, tag)
        self._context.wire.write(continuation(b"idling"))
        selected = self._context.selected
        if selected is None:
            return True
        selected.changed = True  # what happened before is told at once
        return self._tell_unasked()

    def _end_idle(self, event: Complete) -> bool | None:
        """The client sent a line. None where that is a command in place of DONE, as phones do."""
        tag = self._stop_idling()
        if is_done(event.parts):
            self._context.wire.write(ok("IDLE ended").line(tag))
            return True
        self._context.wire.write(bad("IDLE is ended by DONE").line(tag))
        return None

    def _stop_idling(self) -> bytes:
        """Returns the tag of the IDLE that ends, b"" for none."""
        idling, self._idling = self._idling, None
        if idling is None:
            return b""
        idling.stop()
        return idling.tag

    def _tell_unasked(self) -> Answer[bool]:
        """Tell a client that idles, or has asked for it, what has changed. No command waits."""
        context, idling = self._context, self._idling
        selected, notifying = context.selected, context.notifying
        if idling is None and (notifying is None or not self._reader.between_commands):
            return False
        if selected is not None and selected.changed:
            return self._tell()
        if notifying is not None and notifying.due:
            return self._tell_others(notifying)
        return idling is not None and idling.keep_alive()

    async def _tell_others(self, notifying: Notifying) -> bool:
        await tell_changes(self._context, notifying)
        return True

    async def _tell(self) -> bool:
        idling = self._idling is not None
        await tell_updates(self._context, None, idling)
        if self._context.over:
            self._context.wire.hang_up()
            return False
        selected = self._context.selected
        if selected is not None:
            selected.forget_view()
        return True


def _tag_of(event: Announced) -> bytes:
    first = event.parts[0]
    return first.partition(b" ")[0] if isinstance(first, bytes) and b" " in first else b"*"
