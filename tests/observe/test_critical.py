"""Tracebacks in Twisted's log are counted as faults."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.defer import fail
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, Logger, LogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailhost.observe.counts import Counts
from mailhost.observe.critical import CriticalEvents
from mailhost.observe.totals import totals


class FakeReactor(Clock):
    """Makes the calls from threads when the clock is advanced."""

    def callFromThread(self, call: Any, *args: Any) -> None:
        self.callLater(0, call, *args)


class CriticalEventsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor, self.counts = FakeReactor(), Counts()
        observer = CriticalEvents(cast(Any, self.reactor), self.counts)
        verifyObject(ILogObserver, observer)
        self.log = Logger("tests", observer=LogPublisher(observer))

    def faults(self) -> int:
        """The faults that `mailhost status` shows."""
        self.reactor.advance(0)
        return totals(self.counts.events)["faults"]

    def test_a_traceback_is_counted(self) -> None:
        fail(ValueError("a bug")).addErrback(lambda failure: self.log.failure("it", failure))
        self.assertEqual(1, self.faults())
        self.log.critical("the end")
        self.assertEqual(2, self.faults())

    def test_it_is_counted_in_the_thread_of_the_reactor(self) -> None:
        self.log.critical("the end")
        self.assertEqual(0, self.counts.events.total())

    def test_other_lines_are_not_counted(self) -> None:
        """Warnings among them: events that are faults are logged as warnings, and counted."""
        for write in (self.log.debug, self.log.info, self.log.warn, self.log.error):
            write("hello")
        self.assertEqual(0, self.faults())
