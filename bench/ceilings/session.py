"""One connection of a minimal SMTP server: it checks nothing, and stores all messages in one place.

It has what smtp-source says (RFC 5321): EHLO or HELO, MAIL, RCPT, DATA and QUIT.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol

END = b"\r\n.\r\n"
OK = b"250 2.0.0 Ok\r\n"
REPLIES = {
    b"EHLO": b"250-minimal\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n",
    b"DATA": b"354 End with a line that has only a dot\r\n",
    b"QUIT": b"221 2.0.0 Bye\r\n",
}

Store = Callable[[bytes], Awaitable[None]]


class Session(Protocol):
    """`store` returns when a message is safe. Each message is answered then."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting = b""
        self._content: bytearray | None = None  # of the message that is received

    def connectionMade(self) -> None:
        """Greet the client."""
        self._write(b"220 minimal ESMTP\r\n")

    def dataReceived(self, data: bytes) -> None:
        """Take commands, or a part of a message. Clients wait for each reply."""
        if self._content is not None:
            self._receive(data)
            return
        *lines, self._waiting = (self._waiting + data).split(b"\r\n")
        for line in lines:
            self._command(line[:4].upper())

    def _command(self, verb: bytes) -> None:
        self._write(REPLIES.get(verb, OK))
        if verb == b"DATA":
            self._content = bytearray(b"\r\n")  # the end may be the first line
        elif verb == b"QUIT" and self.transport is not None:
            self.transport.loseConnection()

    def _receive(self, data: bytes) -> None:
        assert self._content is not None
        self._content += data
        if self._content.endswith(END):
            content = bytes(self._content[2:-3]).replace(b"\r\n..", b"\r\n.")
            self._content = None
            Deferred.fromCoroutine(self._keep(content))

    async def _keep(self, content: bytes) -> None:
        await self._store(content)
        self._write(OK)

    def _write(self, reply: bytes) -> None:
        if self.transport is not None:
            self.transport.write(reply)
