"""The header fields that every response has, and responses to requests that are not read."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from twisted.web.http import datetimeToString
from twisted.web.http_headers import Headers

from mailhost.web.values import WebResponse, text_response

# browsers may only show our texts
SECURITY = (
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Referrer-Policy", "no-referrer"),
)
Now = Callable[[], float]
"""Returns seconds since 1970."""


def header_of(response: WebResponse, now: Now) -> Headers:
    """Return the header section of a response. The Server field is left out, which RFC 9110
    §10.2.4 allows: it would name versions."""
    header = Headers()
    header.addRawHeader("Date", _date(now))
    for name, value in (*SECURITY, *response.headers):  # a page may have its own security policy
        header.setRawHeaders(name, [value])
    if response.body:
        header.addRawHeader("Content-Type", response.kind)
    if response.code != 204:
        header.addRawHeader("Content-Length", str(len(response.body)))
    return header


def refusal(code: int, text: str, now: Now) -> bytes:
    """Return the octets of a whole response, after which the connection is closed."""
    response = text_response(code, text, ("Connection", "close"))
    lines = [f"HTTP/1.1 {code} {HTTPStatus(code).phrase}".encode()]
    for name, values in header_of(response, now).getAllRawHeaders():
        lines += [b"%b: %b" % (name, value) for value in values]
    return b"\r\n".join([*lines, b"", response.body])


def _date(now: Now) -> bytes:
    date: bytes = datetimeToString(now())
    return date
