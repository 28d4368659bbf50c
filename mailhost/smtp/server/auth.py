"""The AUTH command of SMTP (RFC 4954): which refusals it has, and how a challenge is written."""

from __future__ import annotations

import base64

from mailhost.interfaces.logins import Challenge, ILogins
from mailhost.message.client import Client
from mailhost.message.status import Status
from mailhost.net.sasl.exchange import SASLExchange, new_exchange

NO_LOGIN = Status(502, "5.5.1", "Nobody can log in here")
LOGGED_IN_ALREADY = Status(503, "5.5.1", "You are logged in already")
ENCRYPT_FIRST = Status(538, "5.7.11", "No password in the clear here; use STARTTLS first")
NO_MECHANISM = Status(501, "5.5.4", "Say AUTH with a mechanism")


def new_login(name: bytes, client: Client, logins: ILogins | None) -> SASLExchange | Status:
    """Return a new exchange of the mechanism that AUTH names, or the refusal (RFC 4954 §4)."""
    if logins is None:
        return NO_LOGIN
    if client.account is not None:
        return LOGGED_IN_ALREADY
    if not logins.mechanisms(client):
        return ENCRYPT_FIRST
    return new_exchange(name, client, logins) if name else NO_MECHANISM


def encode_challenge(challenge: Challenge) -> bytes:
    """Return the 334 reply."""
    return b"334 " + base64.b64encode(challenge.data) + b"\r\n"
