"""One HTTP connection of the metrics' listener, with small limits: a request has a short header
section and no body, and a connection ends after some minutes."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel

LIFETIME = 600.0  # seconds of a connection; a client that needs more connects again
TOO_LARGE = (
    b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Type: text/plain\r\n"
    b"Content-Length: 28\r\n\r\nThis page takes no content.\n"
)


class Channel(HTTPChannel):  # untyped in Twisted, hence the comments for mypy
    """Made by Twisted's HTTP factory, which hands over `callLater` and the idle time-out."""

    maxHeaders = 50
    totalHeadersSize = 8192  # octets
    callLater: Any
    _end: IDelayedCall | None = None

    def connectionMade(self) -> None:
        super().connectionMade()  # type: ignore[no-untyped-call]
        self._end = self.callLater(LIFETIME, self.forceAbortClient)

    def allHeadersReceived(self) -> None:
        """Serve the request, or refuse one with content before any of that is read."""
        if self.length == 0:
            super().allHeadersReceived()  # type: ignore[no-untyped-call]
            return
        assert self.transport is not None
        self.transport.write(TOO_LARGE)
        self.loseConnection()  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)  # type: ignore[no-untyped-call]
        if self._end is not None and self._end.active():
            self._end.cancel()
