"""Sends HELP to a server that sends no greeting.

A web server, for example, waits for the client to begin, and the answer shows which protocol the
server uses.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from mailhost.doctor.server.connecting import Broken, connect_to
from mailhost.doctor.server.dialogue import Means
from mailhost.doctor.server.services import Place

QUESTION = b"HELP\r\n\r\n"
LONGEST_ANSWER = 200  # octets
SECONDS = 3.0
_MAIL = re.compile(rb"[2-5][0-9]{2}[ -]|\* |\+OK|-ERR")


async def answer_to_help(means: Means, place: Place) -> bytes:
    """Connect, send QUESTION, and return the first octets of the answer; empty if the server sends
    none within SECONDS."""
    client = _HelpClient()
    with suppress(Broken):
        seconds = means.limits.connect
        endpoint = means.open_endpoint(place, seconds)
        await connect_to(endpoint, client, means.clock, seconds)
        timer = means.clock.callLater(SECONDS, client.end)
        await client.answered
        if timer.active():
            timer.cancel()
    return client.answer


def seconds_of_help(means: Means) -> float:
    """Return how many seconds `answer_to_help` takes at most."""
    return means.limits.connect + SECONDS


def is_mail(answer: bytes) -> bool:
    """Return True if an answer may be that of a mail server."""
    return bool(_MAIL.match(answer))


class _HelpClient(Protocol):
    """`answered` fires with the first octets, or at the end of the connection."""

    def __init__(self) -> None:
        self.answer = b""
        self.answered: Deferred[None] = Deferred()

    def end(self) -> None:
        """Close the connection."""
        cast(ITCPTransport, self.transport).abortConnection()
        self._fire()

    def connectionMade(self) -> None:
        cast(ITCPTransport, self.transport).write(QUESTION)

    def dataReceived(self, data: bytes) -> None:
        if not self.answered.called:
            self.answer = data[:LONGEST_ANSWER]
            self.end()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._fire()

    def _fire(self) -> None:
        if not self.answered.called:
            self.answered.callback(None)
