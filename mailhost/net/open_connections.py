"""The open connections of one listening socket: all can be waited for, or ended within a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

C = TypeVar("C")


class OpenConnections(set[C], Generic[C]):
    """A set of connections. `forget` takes one out."""

    def __init__(self) -> None:
        super().__init__()
        self._empty: list[Deferred[None]] = []

    def forget(self, connection: C) -> None:
        """Take out a connection that is gone."""
        self.discard(connection)
        if not self:
            waiting, self._empty = self._empty, []
            for deferred in waiting:
                deferred.callback(None)

    async def ended(self) -> None:
        """Wait until there is no connection."""
        if self:
            empty: Deferred[None] = Deferred()
            self._empty.append(empty)
            await empty

    async def drain(self, clock: IReactorTime, seconds: float, abort: Callable[[C], None]) -> None:
        """Wait as `ended` does; after `seconds` call `abort` with each that is left."""

        def abort_all() -> None:
            for connection in list(self):
                abort(connection)

        deadline = clock.callLater(seconds, abort_all)
        await self.ended()
        if deadline.active():
            deadline.cancel()
