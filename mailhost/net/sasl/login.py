"""LOGIN (draft-murchison-sasl-login): a name, then a password, for clients that know no better."""

from __future__ import annotations

from zope.interface import implementer

from mailhost.interfaces import Answer, Challenge, IAuthenticator, ISASLMechanism, SASLStep
from mailhost.message.client import Client
from mailhost.message.status import Status

MALFORMED = Status(501, "5.5.2", "A name and a password in UTF-8, please")


@implementer(ISASLMechanism)
class Login:
    """One exchange. An initial response is taken as the name, as Outlook means it."""

    def __init__(self, client: Client, authenticator: IAuthenticator) -> None:
        self._client = client
        self._authenticator = authenticator
        self._name: str | None = None

    def respond(self, response: bytes | None) -> Answer[SASLStep]:
        if response is None:
            return Challenge(b"Username:")
        try:
            text = response.decode()
        except UnicodeDecodeError:
            return MALFORMED
        if not text or "\0" in text:
            return MALFORMED
        if self._name is None:
            self._name = text
            return Challenge(b"Password:")
        return self._authenticator.password(self._client, self._name, text, "LOGIN")
