"""A connection to an IMAP or POP3 server: lines are sent, lines are awaited one by one.

The octets of an IMAP literal are counted and dropped, so that no mail is kept.
"""

from __future__ import annotations

import re
from collections import deque
from typing import cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHandshakeListener, ITCPTransport, ITLSTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from mailhost.doctor.server.connecting import Broken, connect_to
from mailhost.doctor.server.dialogue import Means
from mailhost.doctor.server.record import Kind
from mailhost.doctor.server.recorder import Recorder
from mailhost.net.read_buffer import BadLine, ReadBuffer

LONGEST_LINE = 100_000  # octets; a message may have lines longer than the 998 of RFC 5322
MOST_OCTETS = 50_000_000  # of the server over one connection
MOST_TEXT = 5_000_000  # of these, mail not counted
MOST_LINES = 1_000_000  # of the server over one connection; 50 MB of mail have about 650,000
_LITERAL = re.compile(rb"\{([0-9]{1,10})\}$")


@implementer(IHandshakeListener)
class LineClient(Protocol):
    """`literals` is True for IMAP. While `muted`, lines of the server are not in the transcript."""

    def __init__(self, means: Means, recorder: Recorder, literals: bool) -> None:
        self.muted = False
        self._buffer = ReadBuffer(bare_lf=True)
        self._means = means
        self._recorder = recorder
        self._literals = literals
        self._literal_left = 0
        self._octets = self._text = self._line_count = 0
        self._lines: deque[bytes] = deque()
        self._waiting: Deferred[None] | None = None
        self._broken: Broken | None = None

    async def connect(self) -> None:
        """Connect to the place of the record. Raises Broken."""
        seconds = self._means.limits.connect
        endpoint = self._means.open_endpoint(self._recorder.record.place, seconds)
        await connect_to(endpoint, self, self._means.clock, seconds)

    async def line(self, seconds: float = 0.0) -> bytes:
        """Return the next line of the server, without CRLF. Raises Broken, also after `seconds`, 0
        for the limit of a command."""
        seconds = seconds or self._means.limits.command
        if not self._lines:
            await self._wait(seconds, f"nothing came within {seconds:g} s")
        return self._lines.popleft()

    def say(self, text: str) -> None:
        """Send a line."""
        data = text.encode() + b"\r\n"
        self._recorder.transcript.sent(data)
        if self._broken is None:
            self._tcp.write(data)

    async def handshake(self) -> None:
        """Perform the TLS handshake; what came before it is dropped. Raises Broken."""
        self._lines.clear()
        self._buffer.clear()
        handshake = self._means.tls.handshake(self._recorder.record.place.host)
        ITLSTransport(self._tcp).startTLS(handshake)
        seconds = self._means.limits.handshake
        await self._wait(seconds, f"no TLS handshake within {seconds:g} s")
        self._recorder.secured(handshake)

    def abort(self) -> None:
        """Close the connection, if there is one."""
        if self._broken is None and self.transport is not None:
            self._tcp.abortConnection()

    # --- called by the transport -----------------------------------------------------------------

    def connectionMade(self) -> None:
        self._tcp = cast(ITCPTransport, self.transport)
        self._recorder.connected()

    def dataReceived(self, data: bytes) -> None:
        self._recorder.began(data)
        self._buffer.append(data)
        self._octets += len(data)
        self._text += 0 if self.muted else len(data)
        try:
            while self._broken is None and self._take():
                pass
        except BadLine as bad:
            self._break(Broken(Kind.STRANGE, f"{bad}: {bad.beginning!r}"))
        if self._octets > MOST_OCTETS or self._text > MOST_TEXT:
            self._break(_endless())

    def _take(self) -> bool:
        """Take a line, or octets of a literal. Return False if neither is there. Raises BadLine."""
        if self._literal_left:
            taken = len(self._buffer.take(self._literal_left))
            self._literal_left -= taken
            return bool(taken)
        line = self._buffer.take_line(LONGEST_LINE)
        if line is None:
            return False
        if not self.muted:
            self._recorder.transcript.received(line + b"\n")
        self._line_count += 1
        if self._line_count > MOST_LINES:
            self._break(_endless())
            return False
        self._lines.append(line)
        literal = _LITERAL.search(line) if self._literals else None
        self._literal_left = int(literal[1]) if literal else 0
        self._go_on()
        return True

    def handshakeCompleted(self) -> None:
        self._go_on()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self.muted:
            self._recorder.transcript.received(self._buffer.take(LONGEST_LINE))
        self._recorder.ended(reason)
        self._fail(self._recorder.broken_by(""))

    # --- waits -----------------------------------------------------------------------------------

    async def _wait(self, seconds: float, text: str) -> None:
        if self._broken is not None:
            raise self._broken
        waiting: Deferred[None] = Deferred()
        self._waiting = waiting
        timer = self._means.clock.callLater(seconds, self._break, Broken(Kind.TIMED_OUT, text))
        try:
            await waiting
        finally:
            if timer.active():
                timer.cancel()

    def _go_on(self) -> None:
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            waiting.callback(None)

    def _break(self, broken: Broken) -> None:
        self._fail(broken)
        self._tcp.abortConnection()

    def _fail(self, broken: Broken) -> None:
        if self._broken is None:
            self._broken = broken
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            waiting.errback(self._broken)


def _endless() -> Broken:
    return Broken(Kind.STRANGE, "text without end")
