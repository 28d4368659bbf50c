"""One connection of HTTP/1.1: Twisted's HTTPChannel within stricter limits.

A request, header and body, must have arrived whole TIMEOUT seconds after the connection was made,
TLS handshake included, or after the response before it: a client that sends an octet now and then
gains no time. The limits of sizes are MAX_LENGTH for a line, `totalHeadersSize` and `maxHeaders`
for a header section, and LARGEST_BODY for a body. After MOST_REQUESTS responses the connection is
closed. The response to a request beyond a limit is a text about the limit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.internet.interfaces import IDelayedCall, IReactorTime, ITCPTransport
from twisted.internet.protocol import connectionDone
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, Request
from zope.interface import implementer

from mailhost.interfaces.wire import IEndsWhenIdle
from mailhost.web.responses import refusal

if TYPE_CHECKING:
    from mailhost.web.site import Site

TIMEOUT = 30  # seconds, as all times here
CLOSE_TIMEOUT = 15.0  # until the client has read the last response and closed the TLS session
LARGEST_BODY = 65_536  # octets
MOST_REQUESTS = 100  # of one connection
_LONGEST_NUMBER = 12  # digits of Content-Length


@implementer(IEndsWhenIdle)
class Channel(HTTPChannel):
    """A connection. `site` has the function that answers its requests, `peer` is the IP address of
    the client, empty for a unix socket. It is that of a PROXY header, if there is one."""

    factory: Site
    timeOut: int | None = TIMEOUT
    MAX_LENGTH = 8192
    maxHeaders = 100
    totalHeadersSize = 16_384
    refused = False  # the response to the last request was sent before the request was read
    _version: bytes  # of the last request, as HTTPChannel has read it
    _count = 0
    _closing = False
    _cut: IDelayedCall | None = None

    def __init__(self, site: Site, clock: IReactorTime, request: type[Request], peer: str) -> None:
        HTTPChannel.__init__(self)
        self.factory = site
        self.peer = peer
        self.requestFactory = request
        self._clock = clock

    def callLater(self, period: float, func: Callable[[], object]) -> IDelayedCall:
        """Call a function after a time, for the time limit of HTTPChannel."""
        return self._clock.callLater(period, func)

    def dataReceived(self, data: bytes) -> None:
        """Take octets of the client. They do not prolong the time for the request, as they do in
        HTTPChannel."""
        if not self.refused:
            LineReceiver.dataReceived(self, data)

    def headerReceived(self, line: bytes) -> bool:
        """Refuse a length that `int` does not read, and a body of which a proxy may have found
        another end (RFC 9112 §6.1); see HTTPChannel."""
        name, _, value = line.partition(b":")
        name, value = name.lower(), value.strip().lower()
        if name == b"content-length" and len(value) > _LONGEST_NUMBER:
            self.refuse(413, "The body of the request is too large.")
            return False
        if name == b"transfer-encoding" and (value != b"chunked" or self._version == b"HTTP/1.0"):
            self.refuse(400, "The one Transfer-Encoding here is chunked, in HTTP/1.1.")
            return False
        return bool(HTTPChannel.headerReceived(self, line))

    def checkPersistence(self, request: Request, version: bytes) -> bool:
        """Return False if the connection is to be closed after this request."""
        self._count += 1
        if HTTPChannel.checkPersistence(self, request, version) and self._count < MOST_REQUESTS:
            return True
        request.responseHeaders.setRawHeaders(b"Connection", [b"close"])
        return False

    def lineLengthExceeded(self, line: bytes) -> None:
        """A line of the header section is longer than MAX_LENGTH."""
        self.refuse(431, "The request line or a header field is too long.")

    def _respondToBadRequestAndDisconnect(self) -> None:
        self.refuse(400, "The request is malformed, or its header section is too large.")

    def refuse(self, code: int, text: str) -> None:
        """Answer a request without reading the rest of it, and close the connection."""
        if self.refused:
            return
        self.refused = True
        self.persistent = 0
        assert self.transport is not None
        self.transport.write(refusal(code, text, self.factory.now))
        self.loseConnection()

    def timeoutConnection(self) -> None:
        """No request arrived in time. A client that began one is answered 408."""
        if self.requests or self._buffer:
            self.refuse(408, "The request did not arrive in time.")
        self.refused = True
        self.loseConnection()

    def loseConnection(self) -> None:
        """Close the connection when what was written is sent."""
        if not self._closing:
            self._closing = True
            self._cut = self.callLater(CLOSE_TIMEOUT, self._abort)
            HTTPChannel.loseConnection(self)

    def _abort(self) -> None:
        self._cut = None
        ITCPTransport(self.transport, self.transport).abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection has ended."""
        if self._cut is not None:
            self._cut.cancel()
            self._cut = None
        HTTPChannel.connectionLost(self, reason)

    def stopping(self) -> None:
        """See IEndsWhenIdle."""
        self.persistent = 0
        self._count = MOST_REQUESTS
        if not self.requests:
            self.refused = True
            self.loseConnection()
