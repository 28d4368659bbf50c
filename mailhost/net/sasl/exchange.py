"""A SASL exchange over lines of base64: AUTH of SMTP (RFC 4954) and POP3 (RFC 5034), and IMAP's
AUTHENTICATE (RFC 9051 §6.2.2). Each protocol writes challenges in its own way."""

from __future__ import annotations

import base64
import binascii

from mailhost.interfaces.answer import Answer
from mailhost.interfaces.logins import ILogins, ISASLMechanism, SASLStep
from mailhost.message.client import Client
from mailhost.message.status import Status

LONGEST_RESPONSE_LINE = 12288  # octets of one line, RFC 4954 §4, RFC 5034 §4
CANCELLED = Status(501, "5.7.0", "Login cancelled")
NOT_BASE64 = Status(501, "5.5.2", "That is not base64")


class SASLExchange:
    """One exchange from its first response to its end."""

    def __init__(self, mechanism: ISASLMechanism) -> None:
        self._mechanism = mechanism

    def begin(self, initial: bytes) -> Answer[SASLStep]:
        """Begin with the argument of the command: base64, `=` for an empty response, b"" for
        none."""
        if not initial:
            return self._mechanism.respond(None)
        return self._respond(b"" if initial == b"=" else initial)

    def line(self, line: bytes) -> Answer[SASLStep]:
        """Take the client's line after a challenge, without its line end."""
        return CANCELLED if line == b"*" else self._respond(line)

    def _respond(self, text: bytes) -> Answer[SASLStep]:
        try:
            response = base64.b64decode(text, validate=True)
        except binascii.Error:
            return NOT_BASE64
        return self._mechanism.respond(response)


def new_exchange(name: bytes, client: Client, logins: ILogins) -> SASLExchange | Status:
    """Return a new exchange of the mechanism `name`, or a refusal that lists those on offer."""
    mechanism = logins.begin(name.decode("ascii", "replace"), client)
    if mechanism is None:
        offered = " ".join(logins.mechanisms(client))
        return Status(504, "5.5.4", f"Mechanism not offered; choose from {offered}")
    return SASLExchange(mechanism)
