"""Work that is under way when the queue stops."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.interfaces.events import Faulted
from mailhost.queue.under_way import WorkUnderWay
from tests.queue.fakes import Events


class WorkUnderWayTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.events = Events()
        self.under_way = WorkUnderWay(self.clock, self.events)

    def end(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.under_way.end(5.0))

    def test_nothing_to_wait_for(self) -> None:
        self.successResultOf(self.end())
        self.assertEqual([], self.clock.calls)

    def test_work_that_ends_in_time(self) -> None:
        working: Deferred[None] = Deferred()

        async def work() -> None:
            await working

        self.under_way.track(work())
        ended = self.end()
        self.assertNoResult(ended)
        working.callback(None)
        self.successResultOf(ended)
        self.assertEqual([], self.clock.calls)

    def test_work_that_does_not_is_cancelled_without_a_fault(self) -> None:
        async def work() -> None:
            await Deferred()

        self.under_way.track(work())
        ended = self.end()
        self.clock.advance(5.0)
        self.successResultOf(ended)
        self.assertEqual([], self.events.told)

    def test_a_bug_is_logged(self) -> None:
        async def work() -> None:
            raise ZeroDivisionError("what a bug")

        self.successResultOf(self.under_way.track(work()))
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))
        self.assertIn("a bug: what a bug", self.events.of(Faulted)[0].line)
