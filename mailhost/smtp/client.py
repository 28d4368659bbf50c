"""The client's end of an SMTP connection: replies awaited one by one, content sent at the peer's
pace, TLS begun.

What to say is `dialogue`'s business; this is I/O alone. Whatever goes wrong raises a Broken, and
the connection is of no more use.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IConsumer,
    IHandshakeListener,
    IOpenSSLClientConnectionCreator,
    IPushProducer,
    IReactorTime,
    ITCPTransport,
    ITLSTransport,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from mailhost.smtp.reply_reader import BadReply, Reply, ReplyReader

MOST_UNREAD = 1000  # replies nobody has waited for yet


class Broken(Exception):
    """The connection ended, stalled or spoke nonsense; the message says which."""


@implementer(IPushProducer, IHandshakeListener)
class SMTPClient(Protocol):
    """One connection to a server."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._reader = ReplyReader()
        self._replies: deque[Reply] = deque()
        self._waiting: Deferred[Reply] | None = None
        self._room: Deferred[None] | None = None
        self._handshake: Deferred[None] | None = None
        self._throttled = False
        self.gone: Broken | None = None
        self.secure = False

    # --- what the dialogue asks for --------------------------------------------------------------

    def send(self, data: bytes) -> None:
        """Send commands."""
        if self.gone is None:
            self._tcp.write(data)

    async def reply(self, seconds: float) -> Reply:
        """Return the next reply. Raises Broken after `seconds` without one."""
        if self._replies:
            return self._replies.popleft()
        if self.gone is not None:
            raise self.gone
        self._waiting = Deferred()
        timer = self._clock.callLater(seconds, self._break, Broken(f"no reply in {seconds:g} s"))
        try:
            return await self._waiting
        finally:
            if timer.active():
                timer.cancel()

    async def stream(self, chunks: Iterable[bytes], seconds: float) -> None:
        """Send at the peer's pace; it may rest for `seconds` at most. Raises Broken."""
        for chunk in chunks:
            if self.gone is not None:
                raise self.gone
            self._tcp.write(chunk)
            if self._throttled:
                await self._until_room(seconds)

    async def start_tls(self, options: IOpenSSLClientConnectionCreator, seconds: float) -> None:
        """Shake hands. What came in the clear before is forgotten. Raises Broken."""
        self._reader.reset()
        self._replies.clear()
        self._handshake = Deferred()
        timer = self._clock.callLater(seconds, self._break, Broken("no TLS handshake in time"))
        ITLSTransport(self._tcp).startTLS(options)
        try:
            await self._handshake
        finally:
            if timer.active():
                timer.cancel()
        self.secure = True

    def close(self) -> None:
        """Close, once all is sent."""
        if self.gone is None:
            # a TLS transport does not close while it has a producer
            IConsumer(self._tcp, cast(IConsumer, self._tcp)).unregisterProducer()
            self._tcp.loseConnection()

    def abort(self) -> None:
        """Close at once: the server must not take what it has for the whole."""
        if self.gone is None:
            self._tcp.abortConnection()

    # --- what the transport tells ----------------------------------------------------------------

    def connectionMade(self) -> None:
        self._tcp = cast(ITCPTransport, self.transport)
        IConsumer(self._tcp, cast(IConsumer, self._tcp)).registerProducer(self, True)

    def dataReceived(self, data: bytes) -> None:
        try:
            self._replies.extend(self._reader.feed(data))
        except BadReply as bad:
            self._break(Broken(str(bad)))
            return
        if len(self._replies) > MOST_UNREAD:
            self._break(Broken("replies that nobody asked for"))
        elif self._replies and self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            waiting.callback(self._replies.popleft())

    def handshakeCompleted(self) -> None:
        if self._handshake is not None:
            handshake, self._handshake = self._handshake, None
            handshake.callback(None)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._handshake is not None:
            self._fail(Broken(f"the TLS handshake failed: {reason.getErrorMessage()}"))
        else:
            self._fail(Broken(f"connection lost: {reason.getErrorMessage()}"))

    def pauseProducing(self) -> None:
        self._throttled = True

    def resumeProducing(self) -> None:
        self._throttled = False
        if self._room is not None:
            room, self._room = self._room, None
            room.callback(None)

    def stopProducing(self) -> None:
        self._throttled = False

    # --- inside ----------------------------------------------------------------------------------

    async def _until_room(self, seconds: float) -> None:
        self._room = Deferred()
        timer = self._clock.callLater(seconds, self._break, Broken("the peer reads no more"))
        try:
            await self._room
        finally:
            if timer.active():
                timer.cancel()

    def _break(self, broken: Broken) -> None:
        self.abort()
        self._fail(broken)

    def _fail(self, broken: Broken) -> None:
        """Tell whoever waits; the first reason is the one that counts."""
        if self.gone is None:
            self.gone = broken
        waiting, self._waiting = self._waiting, None
        room, self._room = self._room, None
        handshake, self._handshake = self._handshake, None
        for deferred in (waiting, room, handshake):
            if deferred is not None:
                deferred.errback(self.gone)
