"""Several sinks behind one."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailhost.interfaces.counts import OCTETS
from mailhost.interfaces.events import IEventSink
from mailhost.observe.counts import Counts
from mailhost.observe.fan_out import FanOut
from tests.fakes import RecordingEvents
from tests.observe.samples import KEYS


class FanOutTests(SynchronousTestCase):
    def test_all_sinks_get_all_events(self) -> None:
        one, two = RecordingEvents(), Counts()
        sink = FanOut(one, two)
        verifyObject(IEventSink, sink)
        for event, _ in KEYS:
            sink.emit(event)
        self.assertEqual(len(KEYS), len(one.lines))
        self.assertEqual(
            {key for _, key in KEYS}, set(two.events) - {(OCTETS, "submission", "", "")}
        )
