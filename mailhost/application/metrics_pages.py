"""The pages /metrics and /healthz, for GET and HEAD. There are no others.

Requests for a page that come while one is answered share its answer, so that many clients cost
little more than one. This module imports prometheus-client.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from mailhost.concurrency.pauses import Pause
from mailhost.interfaces.answer import Answer
from mailhost.observe.metrics.snapshot import Snapshot
from mailhost.observe.metrics.text import CONTENT_TYPE, text_of
from mailhost.web.values import WebRequest, WebResponse, text_response

METHODS = ("GET", "HEAD")
NEVER_KEPT = ("Cache-Control", "no-store")
NOT_FOUND = text_response(404, "There is nothing here but /metrics and /healthz.")
NOT_ALLOWED = text_response(405, "This page is for GET and HEAD.", ("Allow", ", ".join(METHODS)))


class MetricsPages:
    """`snapshot` returns the numbers now, `reasons` why the host accepts no mail now; none while it
    does. `pause` lets the reactor do other work meanwhile."""

    def __init__(
        self,
        snapshot: Callable[[], Awaitable[Snapshot]],
        reasons: Callable[[], Awaitable[Sequence[str]]],
        pause: Pause,
    ) -> None:
        async def metrics() -> WebResponse:
            text = await text_of(await snapshot(), pause)
            return WebResponse(200, text, CONTENT_TYPE, (NEVER_KEPT,))

        async def health() -> WebResponse:
            found = await reasons()
            return text_response(503 if found else 200, "\n".join(found) or "ok", NEVER_KEPT)

        self._pages = {"/metrics": _Page(metrics), "/healthz": _Page(health)}

    def answer(self, request: WebRequest) -> Answer[WebResponse]:
        """Return the response to a request."""
        page = self._pages.get(request.path)
        if page is None:
            return NOT_FOUND
        return page.get() if request.method in METHODS else NOT_ALLOWED


class _Page:
    """A page that `make` makes. Clients that ask meanwhile get the same."""

    def __init__(self, make: Callable[[], Coroutine[Any, Any, WebResponse]]) -> None:
        self._make = make
        self._asked: list[Deferred[WebResponse]] = []

    def get(self) -> Deferred[WebResponse]:
        """Return the page, which is made now if it is not being made."""
        answer: Deferred[WebResponse] = Deferred()
        self._asked.append(answer)
        if len(self._asked) == 1:
            Deferred.fromCoroutine(self._make()).addBoth(self._made)
        return answer

    def _made(self, result: WebResponse | Failure) -> None:
        asked, self._asked = self._asked, []
        for answer in asked:
            answer.errback(result) if isinstance(result, Failure) else answer.callback(result)
