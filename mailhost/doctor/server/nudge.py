"""Asks a silent server to say something: a web server, for one, waits for the client to begin."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from mailhost.doctor.server.connecting import Broken, connect_to
from mailhost.doctor.server.services import Place
from mailhost.doctor.server.talk import Means

QUESTION = b"HELP\r\n\r\n"
MOST = 200  # octets of the answer
SECONDS = 3.0
_MAIL = re.compile(rb"[2-5][0-9]{2}[ -]|\* |\+OK|-ERR")


async def nudge(means: Means, place: Place) -> bytes:
    """Connect, send QUESTION, and return the beginning of the answer; empty for none within
    SECONDS."""
    listener = _Listener()
    with suppress(Broken):
        seconds = means.limits.connect
        endpoint = means.open_endpoint(place, seconds)
        await connect_to(endpoint, listener, means.clock, seconds)
        timer = means.clock.callLater(SECONDS, listener.end)
        await listener.answered
        if timer.active():
            timer.cancel()
    return listener.answer


def is_mail(answer: bytes) -> bool:
    """Return True if an answer may be that of a mail server."""
    return bool(_MAIL.match(answer))


class _Listener(Protocol):
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
            self.answer = data[:MOST]
            self.end()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._fire()

    def _fire(self) -> None:
        if not self.answered.called:
            self.answered.callback(None)
