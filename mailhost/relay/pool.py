"""Open connections by destination: kept a moment for the next message, and never too many.

Who wants to send asks for a place; places are bounded for each destination and in all, and given
in the order of asking. An idle connection of a full house is closed for whoever waits.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from mailhost.config.model import Relay
from mailhost.relay.connect import Target
from mailhost.relay.nexthop import Destination
from mailhost.smtp.dialogue import Dialogue


@dataclass(slots=True, eq=False)
class Connection:
    """A dialogue with a host, and how many messages it carried."""

    dialogue: Dialogue
    target: Target
    messages: int = 0
    timer: IDelayedCall | None = None


class Pool:
    """`settings` may be replaced at any time."""

    def __init__(self, clock: IReactorTime, settings: Relay) -> None:
        self.settings = settings
        self._clock = clock
        self._places: Counter[Destination] = Counter()
        self._queue: deque[tuple[Destination, Deferred[None]]] = deque()
        self._idle: dict[Destination, list[Connection]] = {}

    @asynccontextmanager
    async def place(self, destination: Destination) -> AsyncIterator[None]:
        """Wait for the right to use one connection to `destination`."""
        if self._full(destination):
            waiting: Deferred[None] = Deferred()
            self._queue.append((destination, waiting))
            try:
                await waiting
            except BaseException:
                self._forget(waiting)
                raise
        else:
            self._places[destination] += 1
        try:
            yield
        finally:
            self._leave(destination)

    def take(self, destination: Destination) -> Connection | None:
        """Return an idle connection that is alive, None where there is none."""
        idle = self._idle.get(destination, [])
        while idle:
            connection = idle.pop()
            self._stop_timer(connection)
            if connection.dialogue.alive:
                return connection
        return None

    def give(self, destination: Destination, connection: Connection) -> None:
        """Keep a connection for the next message, or end it where it has done enough."""
        used_up = connection.messages >= self.settings.messages_per_connection
        if used_up or not connection.dialogue.alive or not self.settings.idle_timeout:
            self._end(connection)
            return
        self._idle.setdefault(destination, []).append(connection)
        connection.timer = self._clock.callLater(
            self.settings.idle_timeout, self._expire, destination, connection
        )

    def close(self) -> None:
        """End all idle connections."""
        for idle in self._idle.values():
            for connection in idle:
                self._stop_timer(connection)
                self._end(connection)
        self._idle.clear()

    def _full(self, destination: Destination) -> bool:
        return (
            self._places[destination] >= self.settings.connections_per_destination
            or self._places.total() >= self.settings.connections
        )

    def _leave(self, destination: Destination) -> None:
        self._places[destination] -= 1
        if not self._places[destination]:
            del self._places[destination]
        for entry in list(self._queue):
            wanted, waiting = entry
            if not self._full(wanted):
                self._queue.remove(entry)
                self._places[wanted] += 1
                waiting.callback(None)
                return

    def _forget(self, waiting: Deferred[None]) -> None:
        self._queue = deque(entry for entry in self._queue if entry[1] is not waiting)

    def _expire(self, destination: Destination, connection: Connection) -> None:
        connection.timer = None
        idle = self._idle.get(destination, [])
        idle.remove(connection)
        if not idle:
            del self._idle[destination]
        self._end(connection)

    def _stop_timer(self, connection: Connection) -> None:
        if connection.timer is not None:
            connection.timer.cancel()
            connection.timer = None

    def _end(self, connection: Connection) -> None:
        Deferred.fromCoroutine(connection.dialogue.quit())
