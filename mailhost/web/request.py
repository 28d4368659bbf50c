"""Reads a request of Twisted's HTTP server into a WebRequest, and writes the WebResponse.

An exception of a page is logged and answered 500, without its text.
"""

from __future__ import annotations

from collections.abc import Awaitable
from http import HTTPStatus
from io import BytesIO

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import Request

from mailhost.net.tls.server import tls_state
from mailhost.web.channel import LARGEST_BODY, Channel
from mailhost.web.responses import header_of
from mailhost.web.target import BadTarget, host_name, read_target
from mailhost.web.values import WebRequest, WebResponse, text_response

_LOG = Logger("mailhost.web")
_FAILED = text_response(500, "The request failed by a fault of this host. Its log has the reason.")


class SiteRequest(Request):
    """A request of one connection."""

    channel: Channel
    content: BytesIO

    def gotLength(self, length: int | None) -> None:
        """The header section has arrived, and announces a body of `length` octets, or of a length
        that only its end shows (None)."""
        self.content = BytesIO()  # Twisted's own choice is a file for some bodies
        if length is not None and length > LARGEST_BODY:
            self._refuse_body()

    def handleContentChunk(self, data: bytes) -> None:
        """Keep octets of the body."""
        if self.channel.refused:
            return
        self.content.write(data)
        if self.content.tell() > LARGEST_BODY:
            self._refuse_body()

    def _refuse_body(self) -> None:
        self.requestHeaders.removeHeader(b"Expect")  # no 100 follows
        text = f"The body of the request is larger than {LARGEST_BODY} octets."
        self.channel.refuse(413, text)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """The request is complete. Unlike Twisted's, this method reads neither forms nor cookies,
        which no page uses."""
        if self.channel.refused:
            return
        self.method, self.uri, self.clientproto = command, path, version
        try:
            answer = self.channel.factory.respond(self._read())
        except BadTarget as bad:
            self._respond(text_response(400, str(bad)))
        except Exception:  # noqa: BLE001 - a fault of one page must not end the connection
            self._fail(Failure())
        else:
            if isinstance(answer, Awaitable):
                Deferred.fromCoroutine(_awaited(answer)).addCallbacks(self._respond, self._fail)
            else:
                self._respond(answer)

    def _read(self) -> WebRequest:
        hosts = self.requestHeaders.getRawHeaders(b"Host", [])
        if self.clientproto == b"HTTP/1.0" and not hosts:
            hosts = [b""]
        target = read_target(self.uri, hosts)
        peer = self.channel.peer
        proxy = self.channel.factory.proxies.read(peer, self._fields)
        return WebRequest(
            self.method.decode("ascii"),
            host_name(proxy.host) if proxy and proxy.host else target.host,
            target.path,
            target.query,
            target.query_text,
            self.content.getvalue(),
            secure=proxy.secure if proxy else tls_state(self.channel.transport) is not None,
            proxied=proxy is not None,
            client=proxy.client if proxy else peer,
        )

    def _fields(self, name: str) -> list[str]:
        values = self.requestHeaders.getRawHeaders(name.encode(), [])
        return [value.decode("latin-1") for value in values]

    def _fail(self, failure: Failure) -> None:
        _LOG.failure("A page of the web listener failed", failure)
        self._respond(_FAILED)

    def _respond(self, response: WebResponse) -> None:
        if self._disconnected:
            return
        connection = self.responseHeaders.getRawHeaders(b"Connection", [])
        self.responseHeaders = header_of(response, self.channel.factory.now)
        if connection or not self.channel.persistent:
            self.responseHeaders.setRawHeaders(b"Connection", [b"close"])
        self.setResponseCode(response.code, HTTPStatus(response.code).phrase.encode())
        Request.write(self, response.body)
        Request.finish(self)


async def _awaited(answer: Awaitable[WebResponse]) -> WebResponse:
    return await answer
