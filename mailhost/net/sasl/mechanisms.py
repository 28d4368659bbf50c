"""The table of all mechanisms of the server side, and the logins of a listener."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType

from zope.interface import implementer

from mailhost.interfaces.logins import IAuthenticator, IPasswordLogins, ISASLMechanism
from mailhost.message.address import Address
from mailhost.message.client import Client
from mailhost.message.status import Status
from mailhost.net.sasl.login import LoginMechanism
from mailhost.net.sasl.plain import PlainMechanism
from mailhost.net.sasl.scram import ScramSha256Mechanism

MECHANISMS: Mapping[str, Callable[[Client, IAuthenticator], ISASLMechanism]] = MappingProxyType(
    {
        mechanism.name: mechanism
        for mechanism in (ScramSha256Mechanism, PlainMechanism, LoginMechanism)
    }
)


def new_mechanism(
    name: str, client: Client, authenticator: IAuthenticator
) -> ISASLMechanism | None:
    """Return a new exchange, None for a mechanism that is unknown or not offered to this client.

    Names are compared without case. RFC 4422 §3.1 has upper case, but some clients use lower case.
    """
    wanted = name.upper()
    if wanted not in authenticator.mechanisms(client):
        return None
    make = MECHANISMS.get(wanted)
    return make(client, authenticator) if make else None


@implementer(IPasswordLogins)
class Logins:
    """Logins that an authenticator checks."""

    def __init__(self, authenticator: IAuthenticator) -> None:
        self._authenticator = authenticator

    def mechanisms(self, client: Client) -> Sequence[str]:
        return self._authenticator.mechanisms(client)

    def begin(self, name: str, client: Client) -> ISASLMechanism | None:
        return new_mechanism(name, client, self._authenticator)

    def password(
        self, client: Client, username: str, password: str, command: str
    ) -> Awaitable[Address | Status]:
        return self._authenticator.password(client, username, password, command)
