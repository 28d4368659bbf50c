"""Tells the client how far a long command is (RFC 9585), and ends the command when it is gone."""

from __future__ import annotations

from twisted.internet.error import ConnectionLost

from mailhost.imap.context import Context
from mailhost.imap.progress import FIRST, progress_line


class Progress:
    """`goal` is how many messages there are. A line is written after some seconds, and again each
    time that they have passed."""

    def __init__(self, context: Context, goal: int) -> None:
        self._context = context
        self._goal = goal
        self._done = 0
        self._selected = context.selected
        self._next = context.now() + FIRST

    def seconds(self) -> float:
        """Return the seconds of a clock."""
        return self._context.now()

    async def looked_at(self, done: int) -> None:
        """So many messages were looked at. Raises ConnectionLost where the client is gone."""
        context = self._context
        if context.over or context.selected is not self._selected:
            raise ConnectionLost("the client went away")
        self._done = max(self._done, min(done, self._goal))
        if context.now() < self._next:
            await context.pause()
            return
        self._next = context.now() + FIRST
        if context.offers(("INPROGRESS",)):
            line = progress_line(context, "Still searching", self._done, self._goal)
            await context.wire.stream(iter((line,)))
