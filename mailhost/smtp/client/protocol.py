"""The client's end of an SMTP connection: replies awaited one by one, content sent at the peer's
pace, TLS begun.

What to say is `dialogue`'s business; this is I/O alone. Whatever goes wrong raises a Broken, and
the connection is of no more use. So does a reply that nobody asked for: the next one would be
taken for the answer to something else, in the end to a message that the server never had.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from math import inf
from typing import TypeVar, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IConsumer,
    IDelayedCall,
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

from mailhost.concurrency.pauses import next_turn
from mailhost.message.status import Status
from mailhost.net.direct_writer import DirectWriter, gathered
from mailhost.smtp.client.reply_reader import Reply, ReplyReader

T = TypeVar("T")

CLOSING = 10.0  # seconds that the peer has to read our last words


class Broken(Exception):
    """The connection ended, stalled or spoke nonsense; the message says which.

    `status` is the server's reply where that is the reason: it closed the connection itself (421,
    RFC 5321 §3.8), or refused a command that we need.
    """

    def __init__(self, text: str, status: Status | None = None) -> None:
        super().__init__(text)
        self.status = status


class FateUnknown(Broken):
    """The connection ended when the server may have taken a message, and did not say so."""


@implementer(IPushProducer, IHandshakeListener)
class SMTPClient(Protocol):
    """One connection to a server. `first_words` are sent at once; `gone` is why the connection is
    of no more use."""

    def __init__(self, clock: IReactorTime, first_words: bytes = b"") -> None:
        self._clock = clock
        self._first_words = first_words
        self._reader = ReplyReader()
        self._replies: deque[Reply] = deque()
        self._owed = 1  # replies that the server has yet to give: its greeting
        self._waiting: Deferred[Reply] | None = None
        self._room: Deferred[None] | None = None
        self._handshake: Deferred[None] | None = None
        self._throttled = False
        self._closing: IDelayedCall | None = None
        self._until = inf  # when we have waited long enough, by the clock
        self._too_late = ""
        self._watch: IDelayedCall | None = None
        self.gone: Broken | None = None
        self.secure = False

    # --- what the dialogue asks for --------------------------------------------------------------

    def send(self, data: bytes, replies: int = 1) -> None:
        """Send commands that get so many replies."""
        if self.gone is None:
            self._owed += replies
            self._writer.write(data)

    async def reply(self, seconds: float) -> Reply:
        """Return the next reply. Raises Broken after `seconds` without one."""
        if self._replies:
            return self._replies.popleft()
        if self.gone is not None:
            raise self.gone
        self._waiting = Deferred()
        return await self._within(seconds, self._waiting, f"no reply in {seconds:g} s")

    async def stream(self, chunks: Iterable[bytes], seconds: float) -> bool:
        """Send content, which gets one reply, at the peer's pace. False where that reply came
        before all was sent. Raises Broken, also where the peer rests for more than `seconds`."""
        self._owed += 1
        for chunk in gathered(chunks):
            if self._throttled and self.gone is None and not self._replies:
                self._room = Deferred()
                await self._within(seconds, self._room, "the peer reads no more")
            if self._replies:
                return False
            if self.gone is not None:
                raise self.gone
            self._writer.write(chunk)
        return True

    async def next_turn(self) -> None:
        """Wait for the reactor's next turn, so that other connections are served."""
        await next_turn(self._clock)

    async def start_tls(self, options: IOpenSSLClientConnectionCreator, seconds: float) -> None:
        """Shake hands. What came in the clear before is forgotten. Raises Broken."""
        if self.gone is not None:
            raise self.gone
        self._reader.reset()
        self._replies.clear()
        self._handshake = Deferred()
        self._writer.stop()
        ITLSTransport(self._tcp).startTLS(options)
        await self._within(seconds, self._handshake, "no TLS handshake in time")
        self.secure = True

    def close(self) -> None:
        """Close, once all is sent. The peer has not for ever to read it."""
        if self.gone is None:
            # a TLS transport does not close while it has a producer
            IConsumer(self._tcp, cast(IConsumer, self._tcp)).unregisterProducer()
            self._fail(Broken("closed"))
            self._closing = self._clock.callLater(CLOSING, self._tcp.abortConnection)
            self._tcp.loseConnection()

    def abort(self) -> None:
        """Close at once: the server must not take what it has for the whole."""
        self._break(Broken("given up"))

    # --- what the transport tells ----------------------------------------------------------------

    def connectionMade(self) -> None:
        self._tcp = cast(ITCPTransport, self.transport)
        IConsumer(self._tcp, cast(IConsumer, self._tcp)).registerProducer(self, True)
        self._writer = DirectWriter(self._tcp)
        if self._first_words:
            self._writer.write(self._first_words)

    def dataReceived(self, data: bytes) -> None:
        if self.gone is not None:
            return
        replies = self._reader.feed(data)
        asked, surplus = replies[: self._owed], replies[self._owed :]
        self._owed -= len(asked)
        self._replies.extend(asked)
        broken = _unasked(surplus[0]) if surplus else None
        if self._reader.fault:
            broken = broken or Broken(self._reader.fault)
        waiting = None
        if self._replies:
            waiting, self._waiting = self._waiting, None
            self._wake()  # whoever sends content is to look at it
        if broken is not None:  # before a reply is used: nothing more is to be sent
            self._break(broken)
        if waiting is not None:
            waiting.callback(self._replies.popleft())

    def handshakeCompleted(self) -> None:
        if self._handshake is not None:
            handshake, self._handshake = self._handshake, None
            handshake.callback(None)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._closing is not None and self._closing.active():
            self._closing.cancel()
        what = "connection lost" if self._handshake is None else "the TLS handshake failed"
        self._fail(Broken(f"{what}: {reason.getErrorMessage()}"))

    def pauseProducing(self) -> None:
        self._throttled = True

    def resumeProducing(self) -> None:
        self._throttled = False
        self._wake()

    def stopProducing(self) -> None:
        self._throttled = False

    # --- inside ----------------------------------------------------------------------------------

    async def _within(self, seconds: float, awaited: Deferred[T], text: str) -> T:
        """Wait, but not for longer than that. One timer serves all waits that follow each other."""
        self._too_late = text
        self._until = self._clock.seconds() + seconds
        if self._watch is None:
            self._watch = self._clock.callLater(seconds, self._look_at_clock)
        elif self._watch.getTime() > self._until:
            self._watch.reset(seconds)
        try:
            return await awaited
        finally:
            self._until = inf

    def _look_at_clock(self) -> None:
        self._watch = None
        left = self._until - self._clock.seconds()
        if left <= 0:
            self._break(Broken(self._too_late))
        elif left < inf:
            self._watch = self._clock.callLater(left, self._look_at_clock)

    def _wake(self) -> None:
        if self._room is not None:
            room, self._room = self._room, None
            room.callback(None)

    def _break(self, broken: Broken) -> None:
        if self.gone is None:
            self._fail(broken)
            self._tcp.abortConnection()

    def _fail(self, broken: Broken) -> None:
        """Tell whoever waits; the first reason is the one that counts."""
        if self.gone is None:
            self.gone = broken
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        waiting, self._waiting = self._waiting, None
        room, self._room = self._room, None
        handshake, self._handshake = self._handshake, None
        for deferred in (waiting, room, handshake):
            if deferred is not None:
                deferred.errback(self.gone)


def _unasked(reply: Reply) -> Broken:
    if reply.code == 421:
        return Broken(str(reply.status()), reply.refusal())
    return Broken(f"a reply that nobody asked for: {reply.status()}")
