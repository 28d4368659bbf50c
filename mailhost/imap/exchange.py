"""AUTHENTICATE: a SASL exchange of a session (RFC 9051 §6.2.2), and what follows a login."""

from __future__ import annotations

import base64

from mailhost.concurrency.answers import then
from mailhost.imap.commands.capability import capabilities
from mailhost.imap.completion import Completion, bad, no, ok
from mailhost.imap.context import Context
from mailhost.imap.grammar.commands_session import Authenticate
from mailhost.imap.grammar.response import capability, continuation
from mailhost.interfaces.answer import Answer
from mailhost.interfaces.logins import Challenge, SASLStep
from mailhost.message.address import Address
from mailhost.message.status import Status
from mailhost.net.account_sessions import ENDED
from mailhost.net.sasl.exchange import SASLExchange, new_exchange

ENCRYPT_FIRST = "No password in the clear here; use STARTTLS first"


class LoginExchange:
    """From the command to its tagged reply. Methods return None while the client has to answer."""

    def __init__(self, context: Context, tag: bytes) -> None:
        self.tag = tag
        self._context = context
        self._exchange: SASLExchange | None = None

    def begin(self, command: Authenticate) -> Answer[Completion | None]:
        """The command itself."""
        context = self._context
        if not context.logins.mechanisms(context.client):
            return no(ENCRYPT_FIRST, b"PRIVACYREQUIRED")
        exchange = new_exchange(command.mechanism, context.client, context.logins)
        if isinstance(exchange, Status):
            return no(exchange.text, b"CANNOT")
        self._exchange = exchange
        return then(exchange.begin(command.initial), self._step)

    def line(self, line: bytes) -> Answer[Completion | None]:
        """The client's line after a challenge."""
        assert self._exchange is not None
        return then(self._exchange.line(line), self._step)

    def _step(self, step: SASLStep) -> Completion | None:
        if isinstance(step, Challenge):
            self._context.wire.write(continuation(base64.b64encode(step.data)))
            return None
        return logged_in(self._context, step)


def logged_in(context: Context, result: Address | Status) -> Completion:
    """Enter the authenticated state, or say why not."""
    if isinstance(result, Address):
        refusal = context.log_in(result)
        if refusal is not None:
            context.refused(f"a login as {result}", refusal)
            return no(refusal.text, b"UNAVAILABLE" if refusal is ENDED else b"LIMIT")
        return ok("Logged in", capability(capabilities(context)))
    if result.code == 501:
        return bad(result.text)
    if result.code == 421:
        context.over = True
    return no(result.text, b"UNAVAILABLE" if result.temporary else b"AUTHENTICATIONFAILED")
