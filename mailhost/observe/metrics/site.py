"""The pages /metrics and /healthz, for GET and HEAD. There are no others, and no access log.

Requests for a page that come while one is answered share its answer, so that many clients cost
little more than one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import Request as HTTPRequest
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from mailhost.observe.metrics.channel import Channel
from mailhost.observe.metrics.snapshot import Snapshot
from mailhost.observe.metrics.text import CONTENT_TYPE, text_of

IDLE_TIMEOUT = 120.0  # seconds between two requests; Prometheus usually scrapes each minute
PLAIN = b"text/plain; charset=utf-8"
METHODS = (b"GET", b"HEAD")


@dataclass(frozen=True, slots=True)
class Answer:
    """A page: the status code of HTTP, and the body."""

    code: int
    body: bytes
    kind: bytes = PLAIN


NOT_FOUND = Answer(404, b"There is nothing here but /metrics and /healthz.\n")
NOT_ALLOWED = Answer(405, b"This page is for GET and HEAD.\n")
FAILED = Answer(500, b"This page could not be made; the log of the host says why.\n")


class MetricsSite(Site):
    """`snapshot` returns the numbers now, `reasons` why the host accepts no mail now; none while it
    does."""

    protocol = Channel  # type: ignore[assignment]  # Twisted's is for HTTP/2 too

    def __init__(
        self,
        clock: IReactorTime,
        snapshot: Callable[[], Awaitable[Snapshot]],
        reasons: Callable[[], Awaitable[Sequence[str]]],
    ) -> None:
        async def metrics() -> Answer:
            return Answer(200, text_of(await snapshot()), CONTENT_TYPE)

        async def health() -> Answer:
            found = await reasons()
            body = "".join(f"{reason}\n" for reason in found) or "ok\n"
            return Answer(503 if found else 200, body.encode())

        root = _Root()  # type: ignore[no-untyped-call]
        root.putChild(b"metrics", _Page(metrics))
        root.putChild(b"healthz", _Page(health))
        super().__init__(  # type: ignore[no-untyped-call]
            root, timeout=IDLE_TIMEOUT, reactor=clock
        )

    def startFactory(self) -> None:
        """Open no access log, and start no clock for one."""

    def stopFactory(self) -> None:
        """There is nothing to close."""

    def log(self, request: HTTPRequest) -> None:
        """Log nothing: a page is read each second."""


class _Root(Resource):
    """The paths: `children` has the pages."""

    def getChild(self, path: bytes, request: Request) -> Resource:
        return _Nothing()  # type: ignore[no-untyped-call]


class _Nothing(Resource):
    """All other paths, and what is below them."""

    isLeaf = True

    def render(self, request: Request) -> int:
        _send(request, NOT_FOUND)
        return NOT_DONE_YET


class _Page(Resource):
    """A page that `make` makes."""

    isLeaf = True
    _log = Logger("mailhost.observe")

    def __init__(self, make: Callable[[], Awaitable[Answer]]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._make = make
        self._waiting: list[Request] = []

    def render(self, request: Request) -> int:
        """Answer later."""
        if request.postpath:
            _send(request, NOT_FOUND)
        elif request.method not in METHODS:
            request.setHeader(b"allow", b", ".join(METHODS))
            _send(request, NOT_ALLOWED)
        else:
            self._add(request)
        return NOT_DONE_YET

    def _add(self, request: Request) -> None:
        # a client that goes away must not be answered
        request.notifyFinish().addErrback(lambda gone: self._forget(request))
        self._waiting.append(request)
        if len(self._waiting) == 1:
            making = Deferred.fromCoroutine(self._made())
            making.addErrback(self._failed).addCallback(self._answer)

    async def _made(self) -> Answer:
        return await self._make()

    def _failed(self, failure: Failure) -> Answer:
        self._log.failure("A page could not be made", failure)
        return FAILED

    def _answer(self, answer: Answer) -> None:
        waiting, self._waiting = self._waiting, []
        for request in waiting:
            _send(request, answer)

    def _forget(self, request: Request) -> None:
        if request in self._waiting:
            self._waiting.remove(request)


def _send(request: Request, answer: Answer) -> None:
    request.setResponseCode(answer.code)
    request.setHeader(b"server", b"mailhost")
    request.setHeader(b"content-type", answer.kind)
    request.setHeader(b"content-length", b"%d" % len(answer.body))
    request.setHeader(b"cache-control", b"no-store")
    request.write(answer.body)
    request.finish()
