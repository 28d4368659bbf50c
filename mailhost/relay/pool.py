"""Open connections by destination: kept a moment for the next message, and never too many.

Who wants to send asks for a place; places are bounded for each destination and in all, and given
in the order of asking. Connections in use and idle ones together stay within the bound: the one
that has been idle longest is ended for whoever opens another.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from mailhost.config.model import Relay
from mailhost.relay.connect import Target
from mailhost.relay.nexthop import Destination
from mailhost.smtp.dialogue import Dialogue


@dataclass(slots=True, eq=False)
class Connection:
    """A dialogue with a host, ready for mail."""

    dialogue: Dialogue
    target: Target
    timer: IDelayedCall | None = None


class Pool:
    """`settings` may be replaced at any time."""

    def __init__(self, clock: IReactorTime, settings: Relay) -> None:
        self.settings = settings
        self._clock = clock
        self._places: Counter[Destination] = Counter()
        self._queue: deque[tuple[Destination, Deferred[None]]] = deque()
        self._idle: dict[Connection, Destination] = {}  # idle longest first
        self._closed = False
        self._serving = False

    async def enter(self, destination: Destination) -> None:
        """Wait for the right to use one connection to `destination`; `leave` gives it back."""
        if not self._full(destination):
            self._places[destination] += 1
            return
        waiting: Deferred[None] = Deferred()
        self._queue.append((destination, waiting))
        try:
            await waiting
        except Exception:
            self._queue.remove((destination, waiting))
            raise

    def leave(self, destination: Destination) -> None:
        """Give the right to the next who waits."""
        self._places[destination] -= 1
        if not self._places[destination]:
            del self._places[destination]
        if not self._serving:
            self._serving = True
            self._serve()
            self._serving = False

    def take(self, destination: Destination) -> Connection | None:
        """Return an idle connection that is alive. None says that one may be opened."""
        ours = [each for each, theirs in self._idle.items() if theirs == destination]
        for connection in reversed(ours):
            self._forget(connection)
            if connection.dialogue.alive:
                return connection
        while self._idle and self._places.total() + len(self._idle) > self.settings.connections:
            self._end(next(iter(self._idle)))
        return None

    def give(self, destination: Destination, connection: Connection) -> None:
        """Keep a connection for the next message, or end it where it has done enough."""
        dialogue, settings = connection.dialogue, self.settings
        most = min(settings.messages_per_connection, dialogue.most_transactions)
        used_up = dialogue.transactions >= most or not settings.idle_timeout
        if used_up or self._closed or not dialogue.alive:
            self._end(connection)
            return
        self._idle[connection] = destination
        connection.timer = self._clock.callLater(settings.idle_timeout, self._end, connection)

    def close(self) -> None:
        """End all connections that are idle now or later."""
        self._closed = True
        for connection in list(self._idle):
            self._end(connection)

    def _full(self, destination: Destination) -> bool:
        return (
            self._places[destination] >= self.settings.connections_per_destination
            or self._places.total() >= self.settings.connections
        )

    def _serve(self) -> None:
        """Give free places to those who wait. A place may come back before this returns."""
        while entry := next((each for each in self._queue if not self._full(each[0])), None):
            self._queue.remove(entry)
            destination, waiting = entry
            self._places[destination] += 1
            waiting.callback(None)

    def _forget(self, connection: Connection) -> None:
        """Count a connection as idle no more."""
        self._idle.pop(connection, None)
        if connection.timer is not None and connection.timer.active():
            connection.timer.cancel()
        connection.timer = None

    def _end(self, connection: Connection) -> None:
        self._forget(connection)
        Deferred.fromCoroutine(connection.dialogue.quit())
