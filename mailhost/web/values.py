"""A request and a response of HTTP as values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from mailhost.interfaces.answer import Answer

TEXT = "text/plain; charset=utf-8"
XML = "text/xml; charset=utf-8"
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class WebRequest:
    """A request of the right form. `host` is the name in its Host field, in lower case and without
    the port. `path` is as the client sent it, without the query. `query` has the first value of
    each key, and the keys are in lower case; `query_text` is the query as it was sent. `secure`:
    the client used HTTPS, to this host or to a trusted proxy. `proxied`: a trusted proxy sent the
    request. `client` is the IP address of the client, empty if it is not known."""

    method: str
    host: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    query_text: str = ""
    body: bytes = b""
    secure: bool = False
    proxied: bool = False
    client: str = ""


@dataclass(frozen=True, slots=True)
class WebResponse:
    """A response. `headers` are those besides the ones that every response has."""

    code: int
    body: bytes = b""
    kind: str = TEXT
    headers: tuple[tuple[str, str], ...] = ()


Respond = Callable[[WebRequest], Answer[WebResponse]]


def text_response(code: int, text: str, *headers: tuple[str, str]) -> WebResponse:
    """Return a response for people: one paragraph of plain text."""
    return WebResponse(code, f"{text}\n".encode(), headers=headers)
