"""AUTH through the proxy: each line goes on to the server, which alone judges (RFC 4954)."""

from __future__ import annotations

import base64
import binascii
import re

from zope.interface import implementer

from mailhost.events import LoggedIn
from mailhost.interfaces import Answer, Challenge, IEventSink, ISASLMechanism, SASLStep
from mailhost.message.address import Address, BadAddress, parse_address
from mailhost.message.client import Client
from mailhost.message.status import Status
from mailhost.proxy.upstream import Upstream, told

_SCRAM_NAME = re.compile(r"(?:^|,)n=([^,]+)")


@implementer(ISASLMechanism)
class PassedOn:
    """One exchange."""

    def __init__(self, name: str, client: Client, upstream: Upstream, events: IEventSink) -> None:
        self._name = name
        self._client = client
        self._upstream = upstream
        self._events = events
        self._user: str | None = None
        self._begun = False

    def respond(self, response: bytes | None) -> Answer[SASLStep]:
        return self._respond(response)

    async def _respond(self, response: bytes | None) -> SASLStep:
        if self._user is None and response is not None:
            self._user = user_of(self._name, response)  # what comes later may be the password
        if self._begun:
            reply = await self._upstream.respond(response or b"")
        else:
            self._begun = True
            reply = await self._upstream.auth(self._name, response)
        if isinstance(reply, Status):
            return reply
        if reply.code == 334:
            return _challenge(reply.lines[0])
        if not reply.ok:
            return told(reply)
        account = account_of(self._user or "")
        self._events.tell(LoggedIn(self._client, account, self._name))
        return account


def _challenge(text: str) -> Challenge | Status:
    try:
        return Challenge(base64.b64decode(text, validate=True))
    except binascii.Error:
        return Status(454, "4.7.0", "The mail server behind this one asked something without sense")


def user_of(mechanism: str, response: bytes) -> str:
    """Return the name in a response of the mechanisms whose names we can read, or nothing."""
    text = response.decode("utf-8", "replace")
    if mechanism == "PLAIN":
        return text.split("\0")[1] if text.count("\0") == 2 else ""
    if mechanism == "LOGIN":
        return text
    if mechanism.startswith("SCRAM-"):
        found = _SCRAM_NAME.search(text)
        return found[1] if found else ""
    return ""


def account_of(user: str) -> Address:
    """Return who logged in, as an address: it may be none, and is in the log and in filters."""
    name = "".join(filter(str.isprintable, user))[:200] or "unknown"
    try:
        return parse_address(name, lenient=True)
    except BadAddress:
        return Address(name.replace("@", "_"), "")
