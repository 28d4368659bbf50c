"""The table of routes: which page answers a path, and for which names of this host.

Each path is answered 404 that the table does not have, or not for this name. The methods of a page
are GET and HEAD unless its route has others; each page answers OPTIONS too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from mailhost.concurrency.answers import then
from mailhost.interfaces.answer import Answer
from mailhost.interfaces.events import IEventSink
from mailhost.interfaces.web import WebAnswered
from mailhost.web.hosts import HostKind, WebHost, WebHosts
from mailhost.web.https import HTTPS, Plain
from mailhost.web.values import WebRequest, WebResponse, text_response

READ = ("GET", "HEAD")
_KNOWN = {*READ, "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"}
Page = Callable[[WebRequest, WebHost | None], Answer[WebResponse]]
"""Answers a request for a name of this host; None stands for another name."""
ANY_HOST: frozenset[HostKind] = frozenset()


@dataclass(frozen=True, slots=True)
class Route:
    """A page. `hosts` are the kinds of names that have it; ANY_HOST stands for each name, also one
    that is not of this host. `plain` says how it answers requests by HTTP. `anywhere`: the page is
    the same for all of its names."""

    page: Page
    hosts: frozenset[HostKind]
    methods: tuple[str, ...] = READ
    plain: Plain = Plain.REDIRECT
    anywhere: bool = False


class Routes:
    """`table` has the routes by their paths in lower case. A path that ends with `/` stands for all
    with one more part."""

    def __init__(
        self, table: Mapping[str, Route], hosts: WebHosts, https: HTTPS, events: IEventSink
    ) -> None:
        self._table = table
        self._hosts = hosts
        self._https = https
        self._events = events

    def answer(self, request: WebRequest) -> Answer[WebResponse]:
        """Return the response to a request."""
        fields = self._https.fields(request)
        if not fields:
            return self._answer(request)
        return then(
            self._answer(request), lambda found: replace(found, headers=(*found.headers, *fields))
        )

    def _answer(self, request: WebRequest) -> Answer[WebResponse]:
        if request.path == "*" and request.method == "OPTIONS":
            return _options(READ)
        if request.method not in _KNOWN:
            return text_response(501, f"This server does not know the method {request.method}.")
        host = self._hosts.find(request.host)
        route = self._route(request.path.lower())
        if route is None or (route.hosts and (host is None or host.kind not in route.hosts)):
            return _not_here(request, host)
        if request.method == "OPTIONS":
            return _options(route.methods)
        if request.method not in route.methods:
            allowed = _allowed(route.methods)
            return text_response(405, f"This page has the methods {allowed}.", ("Allow", allowed))
        redirect = self._https.redirect(request, route.plain, route.anywhere)
        answer = redirect or route.page(request, host)
        return then(answer, lambda found: self._note(request, host, found))

    def _note(
        self, request: WebRequest, host: WebHost | None, response: WebResponse
    ) -> WebResponse:
        """Emit the event of a page, and return its response. A page that is not there, at a name of
        others, is none: anybody can ask for any number of them."""
        if host is None and response.code == 404:
            return response
        protocol, where = "https" if request.secure else "http", f"{request.host}{request.path}"
        event = WebAnswered(request.client, protocol, request.method, where[:200], response.code)
        self._events.emit(event)
        return response

    def _route(self, path: str) -> Route | None:
        return self._table.get(path) or self._table.get(path.rpartition("/")[0] + "/")


def _not_here(request: WebRequest, host: WebHost | None) -> WebResponse:
    if host is None:
        return text_response(404, "This mail host does not serve the name that was asked for.")
    return text_response(404, "This is a mail host. It has no page at this address.")


def _options(methods: tuple[str, ...]) -> WebResponse:
    return WebResponse(204, headers=(("Allow", _allowed(methods)),))


def _allowed(methods: tuple[str, ...]) -> str:
    return ", ".join((*methods, "OPTIONS"))
