"""The I/O of an SMTP client connection: commands are written, replies are awaited one by one,
content is sent at the pace of the server, TLS is started.

`dialogue` decides which commands are sent. Every fault raises ConnectionBroken, and the connection
is unusable then. A reply to no command is such a fault: each later reply would be matched with the
wrong command, in the end with a message that the server never received.
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

CLOSE_TIMEOUT = 10.0  # seconds that the server has to read the last octets of a closed connection


class ConnectionBroken(Exception):
    """The connection ended or stalled, or the server violated the protocol; the message says which.

    `status` is the reply of the server if that is the reason: the server closed the connection
    (421, RFC 5321 §3.8) or refused a necessary command.
    """

    def __init__(self, text: str, status: Status | None = None) -> None:
        super().__init__(text)
        self.status = status


class Stalled(ConnectionBroken):
    """The server did not go on within the time limit."""


class NoSMTP(ConnectionBroken):
    """The server sent something that is no SMTP reply."""


class FateUnknown(ConnectionBroken):
    """The connection ended after the content was sent and before the reply: the server may have
    accepted the message."""


@implementer(IPushProducer, IHandshakeListener)
class SMTPClient(Protocol):
    """One connection to a server. `preamble` is sent before the greeting is read; `gone` is the
    reason why the connection is unusable, None while it is usable."""

    def __init__(self, clock: IReactorTime, preamble: bytes = b"") -> None:
        self._clock = clock
        self._preamble = preamble
        self._reader = ReplyReader()
        self._replies: deque[Reply] = deque()
        self._expected = 1  # replies that the server has not sent yet, at first the greeting
        self._waiting: Deferred[Reply] | None = None
        self._writable: Deferred[None] | None = None
        self._handshake: Deferred[None] | None = None
        self._throttled = False
        self._closing: IDelayedCall | None = None
        self._deadline = inf  # time of the clock at which the present wait ends
        self._timeout_text = ""
        self._timer: IDelayedCall | None = None
        self.gone: ConnectionBroken | None = None
        self.secure = False

    # --- called by the dialogue ------------------------------------------------------------------

    def send(self, data: bytes, replies: int = 1) -> None:
        """Send commands to which the server sends `replies` replies."""
        if self.gone is None:
            self._expected += replies
            self._writer.write(data)

    async def reply(self, seconds: float) -> Reply:
        """Return the next reply. Raises ConnectionBroken, also after `seconds` without a reply."""
        if self._replies:
            return self._replies.popleft()
        if self.gone is not None:
            raise self.gone
        self._waiting = Deferred()
        return await self._within(seconds, self._waiting, f"no reply in {seconds:g} s")

    async def stream(self, chunks: Iterable[bytes], seconds: float) -> bool:
        """Send content, to which the server sends one reply, at the pace of the server.

        Returns False if the reply came before the end of the content. Raises ConnectionBroken, also
        if the server reads nothing for `seconds`.
        """
        self._expected += 1
        for chunk in gathered(chunks):
            if self._throttled and self.gone is None and not self._replies:
                self._writable = Deferred()
                await self._within(
                    seconds, self._writable, f"the server read nothing in {seconds:g} s"
                )
            if self._replies:
                return False
            if self.gone is not None:
                raise self.gone
            self._writer.write(chunk)
        return True

    async def next_turn(self) -> None:
        """Wait for the next iteration of the reactor, so that other connections are served."""
        await next_turn(self._clock)

    async def start_tls(self, options: IOpenSSLClientConnectionCreator, seconds: float) -> None:
        """Perform the TLS handshake; replies that came before it are dropped. Raises
        ConnectionBroken, also after `seconds` without the end of the handshake."""
        if self.gone is not None:
            raise self.gone
        self._reader.reset()
        self._replies.clear()
        self._handshake = Deferred()
        self._writer.stop()
        ITLSTransport(self._tcp).startTLS(options)
        await self._within(seconds, self._handshake, f"no TLS handshake in {seconds:g} s")
        self.secure = True

    def close(self) -> None:
        """Close once all is sent. The connection is aborted if the server does not read it."""
        if self.gone is None:
            # A TLS transport does not close while it has a producer.
            IConsumer(self._tcp, cast(IConsumer, self._tcp)).unregisterProducer()
            self._fail(ConnectionBroken("closed"))
            self._closing = self._clock.callLater(CLOSE_TIMEOUT, self._tcp.abortConnection)
            self._tcp.loseConnection()

    def abort(self) -> None:
        """Close at once: the server must not take a part of a message for the whole."""
        self._break(ConnectionBroken("aborted by the client"))

    # --- called by the transport -----------------------------------------------------------------

    def connectionMade(self) -> None:
        self._tcp = cast(ITCPTransport, self.transport)
        IConsumer(self._tcp, cast(IConsumer, self._tcp)).registerProducer(self, True)
        self._writer = DirectWriter(self._tcp)
        if self._preamble:
            self._writer.write(self._preamble)

    def dataReceived(self, data: bytes) -> None:
        if self.gone is not None:
            return
        replies = self._reader.feed(data)
        expected, surplus = replies[: self._expected], replies[self._expected :]
        self._expected -= len(expected)
        self._replies.extend(expected)
        broken = _unexpected_reply(surplus[0]) if surplus else None
        if self._reader.fault:
            broken = broken or NoSMTP(self._reader.fault)
        waiting = None
        if self._replies:
            waiting, self._waiting = self._waiting, None
            self._resume_sending()  # `stream` stops at a reply
        if broken is not None:  # before a reply is used, so that nothing more is sent
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
        self._fail(ConnectionBroken(f"{what}: {reason.getErrorMessage()}"))

    def pauseProducing(self) -> None:
        self._throttled = True

    def resumeProducing(self) -> None:
        self._throttled = False
        self._resume_sending()

    def stopProducing(self) -> None:
        self._throttled = False

    # --- waits and ends --------------------------------------------------------------------------

    async def _within(self, seconds: float, awaited: Deferred[T], text: str) -> T:
        """Wait for `seconds` at most. Waits that follow each other share one timer. `text` is the
        message of the ConnectionBroken that is raised at the timeout."""
        self._timeout_text = text
        self._deadline = self._clock.seconds() + seconds
        if self._timer is None:
            self._timer = self._clock.callLater(seconds, self._check_deadline)
        elif self._timer.getTime() > self._deadline:
            self._timer.reset(seconds)
        try:
            return await awaited
        finally:
            self._deadline = inf

    def _check_deadline(self) -> None:
        self._timer = None
        left = self._deadline - self._clock.seconds()
        if left <= 0:
            self._break(Stalled(self._timeout_text))
        elif left < inf:
            self._timer = self._clock.callLater(left, self._check_deadline)

    def _resume_sending(self) -> None:
        if self._writable is not None:
            writable, self._writable = self._writable, None
            writable.callback(None)

    def _break(self, broken: ConnectionBroken) -> None:
        if self.gone is None:
            self._fail(broken)
            self._tcp.abortConnection()

    def _fail(self, broken: ConnectionBroken) -> None:
        """Fail all that wait for the connection. Only the first reason is kept."""
        if self.gone is None:
            self.gone = broken
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting, self._waiting = self._waiting, None
        writable, self._writable = self._writable, None
        handshake, self._handshake = self._handshake, None
        for deferred in (waiting, writable, handshake):
            if deferred is not None:
                deferred.errback(self.gone)


def _unexpected_reply(reply: Reply) -> ConnectionBroken:
    if reply.code == 421:
        return ConnectionBroken(str(reply.status()), reply.refusal())
    return ConnectionBroken(f"a reply to no command: {reply.status()}")
