"""Runs the checks of this host once a day, and mails the changes to the administrator.

The time of the last run is kept, so a host that is restarted often runs them once a day too. The
findings are written only when the message is in the queue: after a crash in between, the message is
sent again, and no change is lost.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from mailhost.concurrency.rounds import Rounds
from mailhost.concurrency.threads import InThread
from mailhost.doctor.checks import CheckResult
from mailhost.doctor.daily.changes import Changes, changes
from mailhost.doctor.daily.mail import compose
from mailhost.doctor.daily.memory import DoctorMemory, LastRun
from mailhost.interfaces.events import Faulted, IEventSink
from mailhost.interfaces.outgoing import IOutgoing
from mailhost.interfaces.reception import IHandover
from mailhost.message.address import Address
from mailhost.own_messages import complete, hand_over

HOUR = 3600.0  # seconds between two checks whether a day has passed
DAY = 24 * HOUR
WHERE = "doctor"


@dataclass(frozen=True, slots=True)
class DailyServices:
    """The services of one generation of the settings.

    `admin` is None if no run is wanted, or if there is no recipient.
    """

    admin: Address | None
    hostname: str
    outgoing: IOutgoing
    handover: IHandover


class DailyDoctor:
    """The head has one. `services` returns those of the settings in use, `examine` runs the checks,
    `wall` gives seconds since 1970."""

    def __init__(
        self,
        clock: IReactorTime,
        in_thread: InThread,
        memory: DoctorMemory,
        services: Callable[[], DailyServices],
        examine: Callable[[], Awaitable[Sequence[CheckResult]]],
        events: IEventSink,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._in_thread = in_thread
        self._memory = memory
        self._services = services
        self._examine = examine
        self._events = events
        self._wall = wall
        self._rounds = Rounds(clock, HOUR, self._run_if_due, self._failed)

    def start(self) -> None:
        """Check every hour whether a run is due, for the first time in an hour."""
        self._rounds.start(now=False)

    def stop(self) -> None:
        """Begin no further run."""
        self._rounds.stop()

    async def _run_if_due(self) -> None:
        if self._services().admin is None:
            return
        last = await self._in_thread(self._memory.read)
        now = self._wall()
        if 0 <= now - last.at < DAY:  # a clock that was set back counts as a day
            return
        found = changes(last.findings, await self._examine())
        if self._rounds.running and await self._mailed(found):
            await self._in_thread(partial(self._memory.write, LastRun(now, found.known)))

    async def _mailed(self, found: Changes) -> bool:
        """Mail the changes. Return True if the message is in the queue, or if there are no
        changes."""
        services = self._services()
        if services.admin is None:
            return False
        if not (found.appeared or found.gone):
            return True
        composed = compose(found, services.admin, services.hostname)
        author = Address("postmaster", services.hostname)
        message = await complete(composed, author, services.outgoing, self._events)
        return message is None or await hand_over(message, services.handover, self._events)

    def _failed(self, failure: Failure) -> None:
        self._events.emit(Faulted(WHERE, f"the daily run failed: {failure.getErrorMessage()}"))
