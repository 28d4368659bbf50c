"""PLAIN (RFC 4616): one message, `authzid NUL authcid NUL password`."""

from __future__ import annotations

from zope.interface import implementer

from mailhost.interfaces import Answer, Challenge, IAuthenticator, ISASLMechanism, SASLStep
from mailhost.message.client import Client
from mailhost.message.status import Status

MALFORMED = Status(501, "5.5.2", "That is no PLAIN response: authzid NUL name NUL password")
NO_PROXY = Status(535, "5.7.8", "Nobody may act for another account here")


@implementer(ISASLMechanism)
class Plain:
    """One exchange."""

    def __init__(self, client: Client, authenticator: IAuthenticator) -> None:
        self._client = client
        self._authenticator = authenticator

    def respond(self, response: bytes | None) -> Answer[SASLStep]:
        if response is None:
            return Challenge(b"")
        try:
            authorize, name, password = response.decode().split("\0")
        except ValueError:
            return MALFORMED
        if not name or not password:
            return MALFORMED
        if authorize and authorize != name:
            return NO_PROXY
        return self._authenticator.password(self._client, name, password, "PLAIN")
