"""Which mechanisms there are, strongest first."""

from __future__ import annotations

from mailhost.interfaces import IAuthenticator, ISASLMechanism
from mailhost.message.client import Client
from mailhost.net.sasl.login import Login
from mailhost.net.sasl.plain import Plain
from mailhost.net.sasl.scram import ScramSHA256

_MECHANISMS = {"SCRAM-SHA-256": ScramSHA256, "PLAIN": Plain, "LOGIN": Login}
NAMES = tuple(_MECHANISMS)


def new_mechanism(
    name: str, client: Client, authenticator: IAuthenticator
) -> ISASLMechanism | None:
    """Return a new exchange of the mechanism called `name`, None where there is no such."""
    make = _MECHANISMS.get(name.upper())
    return make(client, authenticator) if make else None
