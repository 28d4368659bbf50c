"""Work that is done once a day."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mailhost.application.housekeeping import DAY, Housekeeping
from mailhost.interfaces.store import IMaintenance
from tests.fakes import RecordingEvents


@implementer(IMaintenance)
class Store:
    """Is tidied when `done` fires."""

    def __init__(self) -> None:
        self.times = 0
        self.done: Deferred[None] = Deferred()

    async def tidy(self) -> None:
        self.times += 1
        self.done = Deferred()
        await self.done


class HousekeepingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock: Any = Clock()
        self.store = Store()
        self.events = RecordingEvents()
        self.housekeeping = Housekeeping(self.clock, lambda: self.store, self.events)
        self.housekeeping.start()

    def test_at_the_start_and_every_day(self) -> None:
        self.assertEqual(1, self.store.times)
        self.store.done.callback(None)
        self.clock.advance(DAY - 1)
        self.assertEqual(1, self.store.times)
        self.clock.advance(1)
        self.assertEqual(2, self.store.times)

    def test_never_twice_at_a_time(self) -> None:
        self.clock.advance(1.5 * DAY)
        self.assertEqual(1, self.store.times)

    def test_one_that_fails_is_told_of_and_is_not_the_last(self) -> None:
        self.store.done.errback(OSError(5, "Input/output error"))
        self.assertEqual(["housekeeping: [Errno 5] Input/output error"], self.events.lines)
        self.clock.advance(DAY)
        self.assertEqual(2, self.store.times)

    def test_none_after_the_stop(self) -> None:
        self.store.done.callback(None)
        self.housekeeping.stop()
        self.assertEqual([], self.clock.getDelayedCalls())
        self.housekeeping.stop()
