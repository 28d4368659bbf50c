"""The AUTH command of SMTP (RFC 4954): its refusals, its challenges and the responses to them."""

from __future__ import annotations

import base64

from mailhost.interfaces.answer import Answer
from mailhost.interfaces.logins import Challenge, ILogins, SASLStep
from mailhost.message.client import Client
from mailhost.message.status import Status
from mailhost.net.read_buffer import BadLine
from mailhost.net.sasl.exchange import LONGEST_RESPONSE_LINE, SASLExchange, new_exchange
from mailhost.smtp.server import statuses
from mailhost.smtp.server.session_context import SessionContext

NO_LOGIN = Status(502, "5.5.1", "Logins are not offered here")
LOGGED_IN_ALREADY = Status(503, "5.5.1", "You are logged in already")
ENCRYPT_FIRST = Status(538, "5.7.11", "No password in the clear here; use STARTTLS first")
REVOKED = Status(454, "4.7.0", "The password was changed just now; please log in again")
NO_MECHANISM = Status(501, "5.5.4", "AUTH needs the name of a mechanism")


class AuthCommand:
    """The AUTH command of one session. `logins` is None if the listener offers no logins.

    Methods that return an Answer[bool] return what `IMachine.step` returns.
    """

    __slots__ = ("_context", "_exchange", "_logins")

    def __init__(self, context: SessionContext, logins: ILogins | None) -> None:
        self._context = context
        self._logins = logins
        self._exchange: SASLExchange | None = None

    @property
    def exchanging(self) -> bool:
        """True while the next line is a response to a challenge."""
        return self._exchange is not None

    def mechanisms(self) -> tuple[str, ...]:
        """Return the names of the mechanisms that the client may use now, for the reply to EHLO."""
        if self._logins is None:
            return ()
        return tuple(self._logins.mechanisms(self._context.client))

    def run(self, arguments: bytes) -> Answer[bool]:
        """Begin an exchange with the mechanism in `arguments`, or write the refusal."""
        name, _, initial = arguments.partition(b" ")
        exchange = new_login(name, self._context.client, self._logins)
        if isinstance(exchange, Status):
            return self._context.replies.error("AUTH", exchange)
        self._exchange = exchange
        self._context.login_begins()
        return self._context.then(exchange.begin(initial), self._step)

    def _read_response(self) -> Answer[bool]:
        assert self._exchange is not None
        try:
            line = self._context.buffer.take_line(LONGEST_RESPONSE_LINE)
        except BadLine as bad:
            return self._step(bad.status)
        return False if line is None else self._context.then(self._exchange.line(line), self._step)

    def _step(self, step: SASLStep) -> bool:
        context = self._context
        if isinstance(step, Challenge):
            context.read = self._read_response
            return context.replies.write_encoded(encode_challenge(step))
        context.read, self._exchange = context.read_command, None
        if isinstance(step, Status):
            return self._refused(step)
        if not context.log_in(step):
            return context.replies.refuse("AUTH", REVOKED)
        return context.done(b"AUTH", statuses.LOGGED_IN)

    def _refused(self, status: Status) -> bool:
        """Write the refusal. Only syntax errors are logged here: the authenticator has logged
        the logins that it refused."""
        replies = self._context.replies
        if status.code in (500, 501):
            return replies.error("AUTH", status)
        if replies.count_error():
            return replies.refuse("AUTH", statuses.TOO_MANY_ERRORS)
        if status.code == 421:
            return replies.close(status)
        return replies.write(status)


def new_login(name: bytes, client: Client, logins: ILogins | None) -> SASLExchange | Status:
    """Return a new exchange of the mechanism `name`, or the refusal (RFC 4954 §4)."""
    if logins is None:
        return NO_LOGIN
    if client.account is not None:
        return LOGGED_IN_ALREADY
    if not logins.mechanisms(client):
        return ENCRYPT_FIRST
    return new_exchange(name, client, logins) if name else NO_MECHANISM


def encode_challenge(challenge: Challenge) -> bytes:
    """Return the 334 reply that carries the challenge, with CRLF."""
    return b"334 " + base64.b64encode(challenge.data) + b"\r\n"
