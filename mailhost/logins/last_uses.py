"""Collects when app passwords were used last, and writes it to the directory from time to time.

Each change of the directory has every process read it again, so uses are not written one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure

from mailhost.concurrency.threads import InThread
from mailhost.interfaces.events import Faulted, IEventSink
from mailhost.message.address import Address

PERIOD = 600.0  # seconds between two writings

Uses = Mapping[tuple[Address, str], int]
"""Seconds since 1970 by account and name of the app password."""


class LastUses:
    """`write` blocks, and writes uses to the directory; it is called in threads. `now` returns the
    seconds since 1970."""

    def __init__(
        self,
        clock: IReactorTime,
        in_thread: InThread,
        write: Callable[[Uses], None],
        events: IEventSink,
        now: Callable[[], float],
    ) -> None:
        self._in_thread = in_thread
        self._write = write
        self._events = events
        self._now = now
        self._waiting: dict[tuple[Address, str], int] = {}
        self._periodic = LoopingCall(self.flush)
        self._periodic.clock = clock

    def start(self) -> None:
        """Write from time to time."""
        self._periodic.start(PERIOD, now=False)

    def used(self, account: Address, name: str) -> None:
        """An account has logged in with the app password of this name."""
        self._waiting[account, name] = int(self._now())

    def flush(self) -> Deferred[None]:
        """Write what is not written yet. A failure is only logged; the uses wait for the next
        time."""
        return Deferred.fromCoroutine(self._flush())

    async def _flush(self) -> None:
        uses, self._waiting = self._waiting, {}
        if not uses:
            return
        try:
            await self._in_thread(lambda: self._write(uses))
        except Exception:  # noqa: BLE001 - logged; logins do not wait for it
            self._waiting = uses | self._waiting
            text = Failure().getErrorMessage()
            self._events.emit(Faulted("last uses of app passwords", text))

    async def stop(self) -> None:
        """Write the rest."""
        if self._periodic.running:
            self._periodic.stop()
        await self.flush()
