"""PLAIN, server side (RFC 4616): `[authzid] NUL authcid NUL password` in one response."""

from __future__ import annotations

from zope.interface import implementer

from mailhost.interfaces.answer import Answer
from mailhost.interfaces.logins import Challenge, IAuthenticator, ISASLMechanism, SASLStep
from mailhost.message.client import Client
from mailhost.net.sasl.terms import (
    MALFORMED,
    NOT_YOURSELF,
    Malformed,
    decode_text,
    same_user,
)


@implementer(ISASLMechanism)
class PlainMechanism:
    """One exchange."""

    name = "PLAIN"

    def __init__(self, client: Client, authenticator: IAuthenticator) -> None:
        self._client = client
        self._authenticator = authenticator

    def respond(self, response: bytes | None) -> Answer[SASLStep]:
        if response is None:
            return Challenge(b"")
        try:
            authzid, username, password = _parse(response)
        except Malformed as error:
            return MALFORMED.because(f"PLAIN: {error}")
        if not same_user(authzid, username):
            return NOT_YOURSELF.because(f"{username[:100]!r} asked to be {authzid[:100]!r}")
        return self._authenticator.password(self._client, username, password, self.name)


def _parse(response: bytes) -> tuple[str, str, str]:
    parts = response.split(b"\0")
    if len(parts) != 3:
        raise Malformed("expected three parts with NUL between them")
    authzid, username, password = map(decode_text, parts)
    if not username or not password:
        raise Malformed("an empty user name or password")
    return authzid, username, password
