"""Events wait in memory, and are written in batches."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.interfaces.events import Notice, Queued
from mailhost.trace import sink
from mailhost.trace.quick_facts import Waiting
from mailhost.trace.sink import EVENT_WEIGHT, MOST_AT_ONCE, PERIOD, RETRY, TraceSink
from tests.fakes import RecordingEvents, address, now
from tests.queue.fakes import here
from tests.trace import samples
from tests.trace.samples import ANN, attempted, received


def facts(waiting: Waiting) -> str:
    """The name and the kind of the facts of a message."""
    assert len(waiting) == 4
    return f"{waiting[0]} {json.loads(waiting[3])['event']}"


class SinkTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock: Any = Clock()
        self.events = RecordingEvents()
        self.batches: list[list[str]] = []
        self.fault: Exception | None = None
        self.closed = 0
        self.sink = self.make(here)

    def make(self, in_thread: Any) -> TraceSink:
        made = TraceSink(
            self.clock, in_thread, self.write, self.close, self.events, self.clock.seconds
        )
        made.reconfigure(off=False)
        return made

    def write(self, batch: Sequence[Waiting]) -> None:
        if self.fault is not None:
            raise self.fault
        self.batches.append([facts(each) for each in batch])

    def close(self) -> None:
        self.closed += 1

    def test_events_of_a_second_are_written_together(self) -> None:
        one, two, three = received("one"), attempted("one"), received("two")
        self.sink.emit(one)
        self.clock.advance(PERIOD / 2)
        self.sink.emit(two)
        self.sink.emit(Notice("not about a message"))
        self.assertEqual(self.batches, [])
        self.clock.advance(PERIOD / 2)
        self.sink.emit(three)
        self.clock.advance(PERIOD)
        self.assertEqual(self.batches, [["one received", "one attempted"], ["two received"]])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_start_tells_a_fault(self) -> None:
        self.fault = OSError("the file was made by a newer mailhost")
        self.sink.start()
        self.clock.advance(0)
        self.assertIn("cannot be written", self.events.lines[0])
        self.fault = None
        self.sink.emit(received("one"))
        self.clock.advance(RETRY)
        self.assertEqual([len(batch) for batch in self.batches], [1])

    def test_a_start_while_it_is_off(self) -> None:
        self.sink.reconfigure(off=True)
        self.sink.start()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_off(self) -> None:
        self.sink.reconfigure(off=True)
        self.sink.emit(received())
        self.clock.advance(PERIOD)
        self.assertEqual(self.batches, [])

    def test_one_writing_at_a_time(self) -> None:
        waiting: list[Deferred[None]] = []

        def in_thread(work: Any) -> Deferred[None]:
            waiting.append(Deferred().addCallback(lambda _: work()))
            return waiting[-1]

        self.sink = self.make(in_thread)
        for _ in range(2):
            self.sink.emit(received())
            self.clock.advance(10 * PERIOD)
        self.assertEqual(len(waiting), 1)
        waiting[0].callback(None)
        self.assertEqual(len(waiting), 2)  # what came meanwhile
        waiting[1].callback(None)
        self.assertEqual([len(batch) for batch in self.batches], [1, 1])

    def test_large_amounts_are_written_in_parts(self) -> None:
        for _ in range(MOST_AT_ONCE + 1):
            self.sink.emit(attempted())
        self.clock.advance(PERIOD)
        self.assertEqual([len(batch) for batch in self.batches], [MOST_AT_ONCE, 1])

    def test_events_that_can_never_be_written_are_counted(self) -> None:
        self.fault = TypeError("a defect")
        self.sink.emit(received("one"))
        self.clock.advance(PERIOD)
        self.fault = None
        self.sink.emit(received("two"))
        self.clock.advance(RETRY)
        self.assertEqual(self.batches, [["two received"]])
        self.assertEqual(
            self.events.lines,
            [
                "trace: the database cannot be written; mail is not affected: a defect",
                "the trace is written again; 1 events are missing",
            ],
        )

    def test_a_fault_is_logged_once_and_nothing_is_lost(self) -> None:
        self.fault = OSError("disk full")
        self.sink.emit(received("one"))
        self.clock.advance(PERIOD)
        self.sink.emit(received("two"))
        for _ in range(5):
            self.clock.advance(RETRY)
        self.assertEqual(
            self.events.lines,
            [
                "trace: the database cannot be written, and is tried again; mail is not "
                "affected: disk full"
            ],
        )
        self.fault = None
        self.clock.advance(RETRY)
        self.assertEqual(self.events.lines[1:], ["the trace is written again"])
        self.assertEqual([len(batch) for batch in self.batches], [2])

    def test_what_does_not_fit_is_dropped_and_counted(self) -> None:
        size = len(samples.rows([attempted()])[0][3])
        self.patch(sink, "MOST_WAITING", 10 * (size - 2))
        self.fault = OSError("disk full")
        for _ in range(15):
            self.sink.emit(attempted())
            self.clock.advance(RETRY)
        self.fault = None
        self.clock.advance(RETRY)
        self.assertEqual(len(self.events.lines), 3, self.events.lines)
        self.assertIn("further events of messages are dropped", self.events.lines[1])
        self.assertEqual(self.events.lines[2], "the trace is written again; 5 events are missing")
        self.assertEqual([len(batch) for batch in self.batches], [10])
        self.sink.emit(attempted())
        self.clock.advance(PERIOD)
        self.assertEqual(len(self.batches), 2)

    def test_recipients_count_towards_the_bound(self) -> None:
        many = tuple(address(f"u{number}@x.example") for number in range(1000))
        self.patch(sink, "MOST_WAITING", 1000 * EVENT_WEIGHT)
        self.fault = OSError("disk full")
        for name in ("one", "two"):
            self.sink.emit(Queued(name, ANN, many))
        self.clock.advance(PERIOD)
        self.assertIn("further events of messages are dropped", self.events.lines[0])

    def test_the_stop_writes_the_rest(self) -> None:
        self.sink.emit(received("one"))
        now(self.sink.stop())
        self.assertEqual([len(batch) for batch in self.batches], [1])
        self.assertEqual(self.closed, 1)
        self.sink.emit(received("two"))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_stop_while_it_cannot_be_written(self) -> None:
        self.fault = OSError("disk full")
        self.sink.emit(received("one"))
        now(self.sink.stop())
        self.assertEqual((self.closed, self.clock.getDelayedCalls()), (1, []))
