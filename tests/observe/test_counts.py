"""Events counted by kind, protocol and result."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailhost.interfaces.counts import CONNECTIONS, OCTETS, ICounts
from mailhost.interfaces.events import CountKey, Event, Faulted, IEventSink, Notice, Received
from mailhost.interfaces.filters import ICounters
from mailhost.observe.counts import Counts
from tests.observe.samples import ANN, CLIENT, KEYS


class CountsTests(SynchronousTestCase):
    def test_it_takes_events_and_what_filters_did(self) -> None:
        for interface in (IEventSink, ICounts, ICounters):
            verifyObject(interface, Counts())

    def test_each_event_has_a_key_of_plain_text(self) -> None:
        for event, key in KEYS:
            self.assertEqual(key, event.key)
            self.assertEqual({str}, set(map(type, event.key)))
        kinds = {kind.__name__ for kind in Event.__subclasses__()}
        self.assertEqual(kinds, {type(event).__name__ for event, _ in KEYS})

    def test_equal_keys_are_counted_together(self) -> None:
        counts = Counts()
        for cause in ("full", "hot"):
            counts.emit(Faulted("disk", cause))
        self.assertEqual({("faulted", "", "", "other"): 2}, counts.events)

    def test_octets_and_what_is_no_event_are_counted_too(self) -> None:
        counts = Counts()
        for size in (5, 70):
            counts.emit(Received(CLIENT, "one", ANN, (ANN,), size, ""))
        counts.count(CountKey(CONNECTIONS, "smtp"))
        counts.count(CountKey(CONNECTIONS, "smtp"), 2)
        expected = {
            ("received", "submission", "", ""): 2,
            (OCTETS, "submission", "", ""): 75,
            (CONNECTIONS, "smtp", "", ""): 3,
        }
        self.assertEqual(expected, counts.events)

    def test_filters_are_counted_by_name_and_action(self) -> None:
        counts = Counts()
        counts.add("dns", "reject")
        counts.add_all({}, {("dns", "reject"): 2, ("dns", "asked"): 5})
        self.assertEqual({("dns", "reject"): 3, ("dns", "asked"): 5}, counts.filters)

    def test_the_first_count_after_taking_is_reported(self) -> None:
        begun: list[None] = []
        counts = Counts(lambda: begun.append(None))
        for number in (1, 2):
            counts.add("dns", "asked")
            counts.emit(Notice("hello"))
            counts.emit(Notice("hello"))
            self.assertEqual(number, len(begun))
            self.assertEqual(({("notice", "", "", ""): 2}, {("dns", "asked"): 1}), counts.take())
        self.assertEqual(({}, {}), counts.take())
