"""Tells a client that waits for a long command that the server is at work (RFC 9585)."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from mailhost.imap.completion import ok
from mailhost.imap.context import Context
from mailhost.imap.grammar.response import UNTAGGED, in_progress

T = TypeVar("T")

FIRST = 10.0  # seconds until the first line
EVERY = 15.0  # seconds between two lines


async def with_progress(context: Context, text: str, waiting: Awaitable[T]) -> T:
    """Return what `waiting` returns. While that takes long, the client gets a line now and then."""
    progress = _Progress(context, text)
    try:
        return await waiting
    finally:
        progress.stop()


def progress_line(
    context: Context, text: str, done: int | None = None, goal: int | None = None
) -> bytes:
    """Return the line that tells the client how far its command is."""
    return ok(text, in_progress(context.tag, done, goal)).line(UNTAGGED)


class _Progress:
    """Writes outside of the session's step, which waits, so by way of `IWire.stream`."""

    def __init__(self, context: Context, text: str) -> None:
        self._context = context
        self._line = progress_line(context, text)
        self._call: IDelayedCall = context.clock.callLater(FIRST, self._tell)

    def _tell(self) -> None:
        self._call = self._context.clock.callLater(EVERY, self._tell)
        if self._context.offers(["INPROGRESS"]):
            sending = Deferred.fromCoroutine(self._send())
            sending.addErrback(lambda _: None)  # the client went away: the session is told of it

    async def _send(self) -> None:
        await self._context.wire.stream(iter((self._line,)))

    def stop(self) -> None:
        if self._call.active():
            self._call.cancel()
