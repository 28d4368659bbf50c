"""The AUTH command (RFC 4954): base64 lines between a client and a SASL mechanism."""

from __future__ import annotations

import base64
import binascii

from mailhost.interfaces.answer import Answer
from mailhost.interfaces.logins import Challenge, ILogins, ISASLMechanism, SASLStep
from mailhost.message.client import Client
from mailhost.message.status import Status

NO_LOGIN = Status(502, "5.5.1", "Nobody can log in here")
LOGGED_IN_ALREADY = Status(503, "5.5.1", "You are logged in already")
ENCRYPT_FIRST = Status(538, "5.7.11", "No password in the clear here; use STARTTLS first")
NO_MECHANISM = Status(501, "5.5.4", "Say AUTH with a mechanism")

CANCELLED = Status(501, "5.7.0", "Login cancelled")
NOT_BASE64 = Status(501, "5.5.2", "That is not base64")


class LoginExchange:
    """One AUTH from its first response to its end."""

    def __init__(self, mechanism: ISASLMechanism) -> None:
        self._mechanism = mechanism

    def begin(self, initial: bytes | None) -> Answer[SASLStep]:
        """The AUTH command itself. `initial` is base64, `=` an empty response, None nothing."""
        if initial is None:
            return self._mechanism.respond(None)
        return self._respond(b"" if initial == b"=" else initial)

    def line(self, line: bytes) -> Answer[SASLStep]:
        """A line of the client's after a challenge."""
        return CANCELLED if line == b"*" else self._respond(line)

    def _respond(self, text: bytes) -> Answer[SASLStep]:
        try:
            response = base64.b64decode(text, validate=True)
        except binascii.Error:
            return NOT_BASE64
        return self._mechanism.respond(response)


def new_login(name: bytes, client: Client, logins: ILogins | None) -> LoginExchange | Status:
    """Return a new exchange of the mechanism that AUTH names, or the refusal (RFC 4954 §4)."""
    if logins is None:
        return NO_LOGIN
    if client.account is not None:
        return LOGGED_IN_ALREADY
    offered = logins.mechanisms(client)
    if not offered:
        return ENCRYPT_FIRST
    if not name:
        return NO_MECHANISM
    mechanism = logins.begin(name.decode("ascii", "replace"), client)
    if mechanism is None:
        text = f"Mechanism not offered; choose from {' '.join(offered)}"
        return Status(504, "5.5.4", text)
    return LoginExchange(mechanism)


def encode_challenge(challenge: Challenge) -> bytes:
    """Return the 334 reply."""
    return b"334 " + base64.b64encode(challenge.data) + b"\r\n"
