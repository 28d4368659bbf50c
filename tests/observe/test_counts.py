"""Events counted by kind, protocol and result; several sinks behind one."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailhost.interfaces.events import (
    Attempted,
    Event,
    Faulted,
    Filtered,
    IEventSink,
    LoggedIn,
    LoginRefused,
    Notice,
    Parked,
    PassedOn,
    Queued,
    Received,
    Refused,
    Reported,
)
from mailhost.interfaces.filters import ICounters
from mailhost.interfaces.verdict import Decision, Finding, Stage
from mailhost.message.client import Client
from mailhost.message.envelope import ForwardPath
from mailhost.message.outcome import Fate, Outcome
from mailhost.message.status import NO_STORAGE, OK, Status
from mailhost.observe.counts import Counts
from mailhost.observe.fan_out import FanOut
from mailhost.observe.totals import totals
from tests.fakes import RecordingEvents, address

ANN = address("ann@example.com")
CLIENT = Client("192.0.2.1", 1, "submission")
NO_USER = Status(550, "5.1.1", "no such user")


def attempted(fate: Fate) -> Attempted:
    return Attempted("one", Outcome(ForwardPath(ANN), fate, OK))


KEYS: list[tuple[Event, tuple[str, str, str]]] = [
    (Received(CLIENT, "one", ANN, (ANN,), 5, ""), ("received", "submission", "")),
    (Refused(CLIENT, "RCPT", NO_USER), ("refused", "submission", "5xx")),
    (Refused(CLIENT, "message", NO_STORAGE), ("refused", "submission", "4xx")),
    *((attempted(fate), ("attempted", "", fate.value)) for fate in Fate),
    (PassedOn("one", "127.0.0.1", OK), ("passed on", "", "")),
    (Queued("one", ANN, (ANN,)), ("queued", "", "")),
    (Queued("one", ANN, (ANN,), "odd"), ("queued", "", "quarantined")),
    (Reported("one", "bounce", ANN), ("reported", "", "bounce")),
    (Parked("one", "a bug"), ("parked", "", "")),
    (LoggedIn(CLIENT, ANN, "PLAIN"), ("logged in", "submission", "PLAIN")),
    (LoginRefused(CLIENT, "ann", NO_USER, 1), ("login refused", "submission", "5xx")),
    (Faulted("disk", "full"), ("faulted", "", "")),
    (Notice("all is well"), ("notice", "", "")),
    (
        Filtered(CLIENT, "one", Finding("list", Stage.SENDER, Decision.TAG, "x")),
        ("filtered", "submission", "tag"),
    ),
    (
        Filtered(CLIENT, "one", Finding("list", Stage.SENDER, Decision.REJECT, "x", True)),
        ("filtered", "submission", "would reject"),
    ),
]


class CountsTests(SynchronousTestCase):
    def test_it_takes_events_and_what_filters_did(self) -> None:
        for interface in (IEventSink, ICounters):
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
        self.assertEqual({("faulted", "", ""): 2}, counts.events)

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
            self.assertEqual(({("notice", "", ""): 2}, {("dns", "asked"): 1}), counts.take())
        self.assertEqual(({}, {}), counts.take())


class TotalsTests(SynchronousTestCase):
    def test_sums_over_protocols_and_results(self) -> None:
        counts = Counts()
        for event, _ in KEYS:
            counts.emit(event)
        counts.emit(Received(Client("192.0.2.1", 1, "smtp"), "two", ANN, (ANN,), 5, ""))
        self.assertEqual(
            {
                "received": 2,
                "refused": 2,
                "queued": 2,
                "delivered": 1,
                "relayed": 1,
                "deferred": 1,
                "failed": 1,
                "passed_on": 1,
                "bounces": 1,
                "parked": 1,
                "logins": 1,
                "refused_logins": 1,
                "faults": 1,
            },
            totals(counts.events),
        )

    def test_zeros_are_there_from_the_start(self) -> None:
        self.assertEqual({0}, set(totals({}).values()))


class FanOutTests(SynchronousTestCase):
    def test_all_sinks_get_all_events(self) -> None:
        one, two = RecordingEvents(), Counts()
        sink = FanOut(one, two)
        verifyObject(IEventSink, sink)
        for event, _ in KEYS:
            sink.emit(event)
        self.assertEqual(len(KEYS), len(one.lines))
        self.assertEqual(len(KEYS), two.events.total())
