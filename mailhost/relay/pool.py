"""Open connections by destination: kept a moment for the next message, and never too many.

A transmission needs a place; places are bounded for each destination and in all. Transmissions that
wait for one destination get places in the order in which they asked, and destinations take turns,
so that a thousand that wait cost no more than one. Connections in use and idle ones together stay
within the bound: before another one is opened, the one that has been idle longest is ended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from mailhost.config.model import Relay
from mailhost.relay.connect import Target
from mailhost.relay.nexthop import Destination
from mailhost.relay.tls.plan import TLSPlan
from mailhost.smtp.client.dialogue import Dialogue

PLACES_WITHOUT_PAUSE = 20  # places that are given without a pause


@dataclass(slots=True, eq=False)
class Connection:
    """A dialogue with a host, ready for mail. `plan` has the decision about its TLS. `epoch` is
    that of the pool when the attempt began that opened it."""

    dialogue: Dialogue
    target: Target
    plan: TLSPlan
    epoch: int = 0
    timer: IDelayedCall | None = None


class Pool:
    """`settings` may be replaced at any time. `epoch` counts how often `renew` was called."""

    def __init__(self, clock: IReactorTime, settings: Relay) -> None:
        self.settings = settings
        self.epoch = 0
        self._clock = clock
        self._places: Counter[Destination] = Counter()
        self._used = 0  # places in all
        self._waiting: dict[Destination, dict[Deferred[None], None]] = {}  # in order
        self._idle: dict[Connection, Destination] = {}  # idle longest first
        self._closed = False
        self._serving = False

    async def enter(self, destination: Destination) -> None:
        """Wait for the right to use one connection to `destination`; `leave` gives it back."""
        if not self._full(destination):
            self._give_place(destination)
            return
        waiting: Deferred[None] = Deferred()
        self._waiting.setdefault(destination, {})[waiting] = None
        try:
            await waiting
        except Exception:
            self._stop_waiting(destination, waiting)
            raise

    def leave(self, destination: Destination) -> None:
        """Give the place to the next transmission that waits."""
        self._used -= 1
        self._places[destination] -= 1
        if not self._places[destination]:
            del self._places[destination]
        self._serve_more()

    def take(
        self, destination: Destination, fits: Callable[[Connection], bool]
    ) -> Connection | None:
        """Return an idle connection that is alive and that `fits`. None says that one may be
        opened."""
        ours = [each for each, theirs in self._idle.items() if theirs == destination]
        for connection in filter(fits, reversed(ours)):
            self._forget(connection)
            if connection.dialogue.alive:
                return connection
        while self._idle and self._used + len(self._idle) > self.settings.connections:
            self._end(next(iter(self._idle)))
        return None

    def give(self, destination: Destination, connection: Connection) -> None:
        """Keep a connection for the next message, or end it where it has done enough."""
        dialogue, settings = connection.dialogue, self.settings
        most = min(settings.messages_per_connection, dialogue.most_transactions)
        used_up = dialogue.transactions >= most or not settings.idle_timeout
        old = self._closed or connection.epoch != self.epoch
        if used_up or old or not dialogue.alive:
            self._end(connection)
            return
        self._idle[connection] = destination
        connection.timer = self._clock.callLater(settings.idle_timeout, self._end, connection)

    def renew(self) -> None:
        """End all connections that are open now, as soon as they are idle."""
        self.epoch += 1
        self._end_idle()

    def close(self) -> None:
        """End all connections that are idle now or later."""
        self._closed = True
        self._end_idle()

    def _end_idle(self) -> None:
        for connection in list(self._idle):
            self._end(connection)

    def _full(self, destination: Destination) -> bool:
        return (
            self._used >= self.settings.connections
            or self._places[destination] >= self.settings.connections_per_destination
        )

    def _give_place(self, destination: Destination) -> None:
        self._used += 1
        self._places[destination] += 1

    def _serve(self) -> None:
        """Give free places to transmissions that wait. A place may come back before this returns.

        While there are places, only destinations that are full are passed over: these are few.
        """
        served = 0
        while destination := self._next():
            served += 1
            if served > PLACES_WITHOUT_PAUSE:
                self._clock.callLater(0, self._serve_more)
                return
            waiting = next(iter(self._waiting[destination]))
            self._stop_waiting(destination, waiting)
            if destination in self._waiting:
                self._waiting[destination] = self._waiting.pop(destination)
            self._give_place(destination)
            waiting.callback(None)

    def _serve_more(self) -> None:
        if not self._serving:
            self._serving = True
            self._serve()
            self._serving = False

    def _next(self) -> Destination | None:
        """Return a destination with a free place and a transmission that waits for one."""
        if self._used >= self.settings.connections:
            return None
        return next((each for each in self._waiting if not self._full(each)), None)

    def _stop_waiting(self, destination: Destination, waiting: Deferred[None]) -> None:
        ours = self._waiting[destination]
        del ours[waiting]
        if not ours:
            del self._waiting[destination]

    def _forget(self, connection: Connection) -> None:
        """Take a connection out of the idle ones."""
        self._idle.pop(connection, None)
        if connection.timer is not None and connection.timer.active():
            connection.timer.cancel()
        connection.timer = None

    def _end(self, connection: Connection) -> None:
        self._forget(connection)
        Deferred.fromCoroutine(connection.dialogue.quit())
