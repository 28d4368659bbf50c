"""The logins of the AUTHORIZATION state: USER and PASS (RFC 1939 §7), and AUTH (RFC 5034)."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from mailhost.concurrency.answers import then
from mailhost.interfaces.answer import Answer
from mailhost.interfaces.logins import Challenge, IPasswordLogins, SASLStep
from mailhost.message.address import Address
from mailhost.message.status import Status
from mailhost.net.sasl.exchange import SASLExchange, new_exchange
from mailhost.pop3.replies import Pop3Replies
from mailhost.pop3.reply import AUTH_FAILED, TEMPORARY, err, listing, ok

ENCRYPT_FIRST = "No password in the clear here; use STLS first"


class Pop3Authorization:
    """The logins of one session. `logged_in` opens the mailbox of an account and replies.

    Methods that return an Answer[bool] return what `IMachine.step` returns.
    """

    def __init__(
        self,
        replies: Pop3Replies,
        logins: IPasswordLogins,
        logged_in: Callable[[Address], Answer[bool]],
    ) -> None:
        self._replies = replies
        self._logins = logins
        self._logged_in = logged_in
        self._username = ""
        self._exchange: SASLExchange | None = None

    @property
    def offered(self) -> Sequence[str]:
        """The SASL mechanisms that the client may use now: none if a password would be sent without
        encryption."""
        return self._logins.mechanisms(self._replies.client)

    @property
    def exchanging(self) -> bool:
        """True while the next line is a response to a challenge."""
        return self._exchange is not None

    def forget(self) -> None:
        """Forget the user name and the SASL exchange."""
        self._username, self._exchange = "", None

    def user(self, arguments: bytes) -> bool:
        """Execute USER: remember the name for PASS."""
        if not self.offered:
            return self._replies.error(ENCRYPT_FIRST)
        name = _text(arguments)
        if not name:
            return self._replies.error("USER takes a name in UTF-8")
        self._username = name
        return self._replies.write(ok("Send the password"))

    def password(self, arguments: bytes) -> Answer[bool]:
        """Execute PASS: check the password of the name in USER."""
        name, self._username = self._username, ""
        if not name:
            return self._replies.error("Say USER first")
        password = _text(arguments)
        if not password:
            return self._replies.error("PASS takes a password in UTF-8")
        answer = self._logins.password(self._replies.client, name, password, "USER/PASS")
        return then(answer, self._step)

    def auth(self, arguments: bytes) -> Answer[bool]:
        """Execute AUTH: begin a SASL exchange, or list the mechanisms."""
        offered = self.offered
        if not offered:
            return self._replies.error(ENCRYPT_FIRST)
        name, _, initial = arguments.partition(b" ")
        if not name:
            return self._replies.write(listing("Mechanisms", offered))
        exchange = new_exchange(name, self._replies.client, self._logins)
        if isinstance(exchange, Status):
            return self._replies.error(exchange.text)
        self._exchange = exchange
        return then(exchange.begin(initial), self._step)

    def response(self, line: bytes) -> Answer[bool]:
        """Take the client's response to a challenge."""
        assert self._exchange is not None
        return then(self._exchange.line(line), self._step)

    def _step(self, step: SASLStep) -> Answer[bool]:
        if isinstance(step, Challenge):
            return self._replies.write(b"+ " + base64.b64encode(step.data) + b"\r\n")
        self._exchange = None
        if isinstance(step, Address):
            return self._logged_in(step)
        if step.code == 421:
            return self._replies.close(err(step.text, TEMPORARY))
        code = TEMPORARY if step.temporary else AUTH_FAILED if step.code == 535 else ""
        return self._replies.error(step.text, code)


AUTHORIZATION: Mapping[bytes, Callable[[Pop3Authorization, bytes], Answer[bool]]] = (
    MappingProxyType(
        {
            b"USER": Pop3Authorization.user,
            b"PASS": Pop3Authorization.password,
            b"AUTH": Pop3Authorization.auth,
        }
    )
)


def _text(argument: bytes) -> str:
    """Return a name or password as text, empty if it is not UTF-8 or contains NUL."""
    try:
        text = argument.decode()
    except UnicodeDecodeError:
        return ""
    return "" if "\0" in text else text
