"""One IDLE of a client, with the lines that keep its connection in the tables of NAT routers."""

from __future__ import annotations

from twisted.internet.interfaces import IDelayedCall

from mailhost.imap.completion import ok
from mailhost.imap.context import Context
from mailhost.imap.grammar.response import UNTAGGED

STILL_HERE = 120.0  # seconds between two lines


class Idling:
    """Wakes the session when a line is due."""

    __slots__ = ("_call", "_context", "_due", "tag")

    def __init__(self, context: Context, tag: bytes) -> None:
        self.tag = tag
        self._context = context
        self._due = False
        self._call: IDelayedCall = context.clock.callLater(STILL_HERE, self._wake)

    def _wake(self) -> None:
        self._due = True
        self._call = self._context.clock.callLater(STILL_HERE, self._wake)
        self._context.wire.wake()

    def keep_alive(self) -> bool:
        """Write the line if it is due. Returns whether it was."""
        due, self._due = self._due, False
        if due:
            self._context.wire.write(ok("Still here").line(UNTAGGED))
        return due

    def stop(self) -> None:
        """IDLE ends."""
        if self._call.active():
            self._call.cancel()
