"""AUTH through the proxy: each line is passed to the server, which alone decides (RFC 4954).

The proxy counts, delays and logs the server's refusals like those of our own authenticator, so a
client has no more attempts through the proxy than on other listeners. A client that failed too
often is refused without a question to the server.
"""

from __future__ import annotations

import base64
import binascii
import re

from zope.interface import implementer

from mailhost.interfaces.answer import Answer
from mailhost.interfaces.events import IEventSink, LoggedIn
from mailhost.interfaces.logins import Challenge, ILoginGuard, ISASLMechanism, SASLStep
from mailhost.message.address import Address, BadAddress, parse_address
from mailhost.message.client import Client
from mailhost.message.status import Status
from mailhost.proxy.upstream import Upstream, status_for_client

WRONG_PASSWORD = (525, 535, 550, 553, 554)  # RFC 4954 §6, RFC 5248, and old servers
_SCRAM_NAME = re.compile(r"(?:^|,)n=([^,]+)")


@implementer(ISASLMechanism)
class ProxiedLogin:
    """One login: a SASL exchange between a client and the server behind the proxy."""

    def __init__(
        self,
        name: str,
        client: Client,
        upstream: Upstream,
        guard: ILoginGuard,
        events: IEventSink,
    ) -> None:
        self._name = name
        self._client = client
        self._upstream = upstream
        self._guard = guard
        self._events = events
        self._user: str | None = None
        self._begun = False

    def respond(self, response: bytes | None) -> Answer[SASLStep]:
        return self._respond(response)

    async def _respond(self, response: bytes | None) -> SASLStep:
        if self._user is None and response is not None:
            # the first response only: a later one may be the password
            self._user = user_in_response(self._name, response)
        user = self._user or ""
        # While the guard delays this login, the connection must not be given to another client.
        with self._upstream.reserved():
            refusal = await self._guard.begin(self._client, user, self._name)
            if refusal is not None:
                return refusal
            try:
                step = await self._exchange(response)
            except Exception:
                self._guard.undecided(self._client, user)
                raise
        await self._report(user, step)
        return step

    async def _exchange(self, response: bytes | None) -> SASLStep:
        """Pass a response to the server, and return its decision or its next challenge."""
        if self._begun:
            reply = await self._upstream.respond(response or b"")
        else:
            self._begun = True
            reply = await self._upstream.auth(self._name, response)
        if isinstance(reply, Status):
            return reply
        if reply.code == 334:
            return _challenge(reply.lines[0])
        return account_address(self._user or "") if reply.ok else status_for_client(reply)

    async def _report(self, user: str, step: SASLStep) -> None:
        if isinstance(step, Address):
            self._guard.succeeded(self._client, user)
            self._events.emit(LoggedIn(self._client, step, self._name))
        elif isinstance(step, Status):
            guessed = step.code in WRONG_PASSWORD
            await self._guard.failed(self._client, user, step, guessed, self._name)
        else:
            self._guard.undecided(self._client, user)


def _challenge(text: str) -> Challenge | Status:
    try:
        return Challenge(base64.b64decode(text, validate=True))
    except binascii.Error:
        return Status(454, "4.7.0", "The mail server behind this one sent an invalid challenge")


def user_in_response(mechanism: str, response: bytes) -> str:
    """Return the user name in the first response, empty if the mechanism has none there."""
    text = response.decode("utf-8", "replace")
    if mechanism == "PLAIN":
        return text.split("\0")[1] if text.count("\0") == 2 else ""
    if mechanism == "LOGIN":
        return text
    if mechanism.startswith("SCRAM-"):
        match = _SCRAM_NAME.search(text)
        return match[1] if match else ""
    return ""


def account_address(user: str) -> Address:
    """Return the user name as an address for the log and the filters. A name that is no address
    becomes one without a domain."""
    name = "".join(filter(str.isprintable, user))[:200] or "unknown"
    try:
        return parse_address(name, lenient=True)
    except BadAddress:
        return Address(name.replace("@", "_"), "")
