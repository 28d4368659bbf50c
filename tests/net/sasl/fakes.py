"""An authenticator that knows one account, and running an exchange to its end."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from types import CoroutineType
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mailhost.interfaces.logins import (
    Challenge,
    IAuthenticator,
    ISASLMechanism,
    SASLStep,
    ScramKeys,
)
from mailhost.message.address import Address
from mailhost.message.client import Client, TLSState
from mailhost.message.status import Status
from mailhost.net.sasl.mechanisms import new_mechanism
from mailhost.net.sasl.scram_keys import derive_keys

ANN = Address("ann", "example.com")


SECURE = Client("192.0.2.1", tls=TLSState("TLSv1.3", "TLS_AES_256_GCM_SHA384"))


WRONG = Status(535, "5.7.8", "Wrong")


@implementer(IAuthenticator)
class OneAccount:
    """Knows one user name and password. `asked` has every question."""

    def __init__(self, username: str = "ann@example.com", password: str = "pass word") -> None:
        self._username = username
        self._password = password
        self.keys = derive_keys(password, b"some salt", 4096)
        self.asked: list[tuple[Any, ...]] = []

    def mechanisms(self, client: Client) -> Sequence[str]:
        return ("SCRAM-SHA-256", "PLAIN", "LOGIN") if client.tls else ()

    async def password(
        self, client: Client, username: str, password: str, mechanism: str
    ) -> Address | Status:
        self.asked.append((username, password, mechanism))
        return ANN if (username, password) == (self._username, self._password) else WRONG

    async def scram_keys(self, client: Client, username: str) -> ScramKeys | Status:
        self.asked.append((username,))
        return self.keys

    async def scram_result(self, client: Client, username: str, proven: bool) -> Address | Status:
        self.asked.append((username, proven))
        return ANN if proven and username == self._username else WRONG


def step(mechanism: ISASLMechanism, response: bytes | None) -> SASLStep:
    """Take one step that need not wait."""
    answer = mechanism.respond(response)
    if isinstance(answer, Challenge | Address | Status):
        return answer
    return now(answer)


def now(answer: Awaitable[SASLStep]) -> SASLStep:
    """Return the result of an awaitable that is ready."""
    assert isinstance(answer, CoroutineType)
    results: list[SASLStep] = []
    Deferred.fromCoroutine(answer).addCallback(results.append)
    return results[0]


class MechanismCase(SynchronousTestCase):
    """Tests of exchanges with `authenticator`, which knows one account."""

    def setUp(self) -> None:
        self.authenticator = OneAccount()

    def begin(self, name: str) -> ISASLMechanism:
        mechanism = new_mechanism(name, SECURE, self.authenticator)
        assert mechanism is not None
        return mechanism

    def assertCode(self, code: int, answer: SASLStep) -> None:
        assert isinstance(answer, Status), answer
        self.assertEqual(answer.code, code)
