"""LOGIN, server side: asks for the user name, then for the password.

LOGIN has no RFC (draft-murchison-sasl-login). Old versions of Outlook and many devices support no
other mechanism.
"""

from __future__ import annotations

from zope.interface import implementer

from mailhost.interfaces.answer import Answer
from mailhost.interfaces.logins import Challenge, IAuthenticator, ISASLMechanism, SASLStep
from mailhost.message.client import Client
from mailhost.net.sasl.terms import MALFORMED, Malformed, decode_text

ASK_USERNAME = Challenge(b"Username:")
ASK_PASSWORD = Challenge(b"Password:")


@implementer(ISASLMechanism)
class LoginMechanism:
    """One exchange."""

    name = "LOGIN"

    def __init__(self, client: Client, authenticator: IAuthenticator) -> None:
        self._client = client
        self._authenticator = authenticator
        self._username = ""

    def respond(self, response: bytes | None) -> Answer[SASLStep]:
        if response is None:
            return ASK_USERNAME
        try:
            text = decode_text(response)
        except Malformed as error:
            return MALFORMED.because(f"LOGIN: {error}")
        if not text:
            return MALFORMED.because("LOGIN: an empty user name or password")
        if not self._username:
            self._username = text
            return ASK_PASSWORD
        return self._authenticator.password(self._client, self._username, text, self.name)
