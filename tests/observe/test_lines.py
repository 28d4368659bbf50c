"""The log on standard output says what Twisted's own would say."""

from __future__ import annotations

import os
from io import StringIO
from typing import Any, cast

from twisted.internet.testing import MemoryReactorClock
from twisted.logger import ILogObserver, LogEvent, Logger, LogLevel, textFileLogObserver
from twisted.trial.unittest import SynchronousTestCase

from mailhost.interfaces.events import Faulted, Notice
from mailhost.observe.lines import LineLog
from mailhost.observe.log import LogSink


class LineLogTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor: Any = MemoryReactorClock()
        self.reactor.running = True
        self.output, self.twisteds = StringIO(), StringIO()
        self.now = 1_700_000_000.0
        self.log = LineLog(self.reactor, self.output, now=lambda: self.now)
        self.reference = textFileLogObserver(self.twisteds)

    def both(self, event: LogEvent) -> None:
        """Have both observers write."""
        self.log(event)
        self.reference(event)

    def test_it_says_what_twisteds_says(self) -> None:
        other = Logger("twisted.internet", observer=cast(ILogObserver, self.both))
        other.info("hello {who}", who="you")
        other.info("in a\ncontext", log_system="Protocol,1,192.0.2.1")
        try:
            raise ZeroDivisionError("what a bug")
        except ZeroDivisionError:
            other.failure("it failed")
        self.reactor.advance(0)
        self.assertEqual(self.twisteds.getvalue(), self.output.getvalue())
        self.assertIn("what a bug", self.output.getvalue())

    def test_events_read_as_they_would_by_way_of_twisteds(self) -> None:
        def observe(event: LogEvent) -> None:
            self.reference({**event, "log_time": self.now})

        sink = LogSink(Logger("mailhost", observer=cast(ILogObserver, observe)))
        for event in (Notice("all is well"), Faulted("disk", "full \x1b[2J\n")):
            sink.emit(event)
            self.log.emit(event)
        sink.write_all([(True, "from another process")])
        self.log.write_all([(True, "from another process")])
        self.reactor.advance(0)
        self.assertEqual(self.twisteds.getvalue(), self.output.getvalue())
        self.assertEqual(3, self.output.getvalue().count("\n"))

    def test_chatter_of_others_stays_away_where_it_is_not_wanted(self) -> None:
        log = LineLog(self.reactor, self.output, LogLevel.warn)
        logger = Logger("twisted.internet", observer=log)
        logger.info("Starting")
        logger.error("It broke")
        log.emit(Notice("all is well"))
        self.reactor.advance(0)
        self.assertNotIn("Starting", self.output.getvalue())
        self.assertIn("It broke", self.output.getvalue())
        self.assertIn("all is well", self.output.getvalue())

    def test_what_is_written_at_once_is_whole_lines_that_a_pipe_takes_whole(self) -> None:
        written: list[str] = []
        self.patch(self.output, "write", written.append)
        for number in range(300):
            self.log.emit(Notice("\N{GRINNING FACE}" * (number % 40)))
        self.log.emit(Notice("x" * 9000))
        self.reactor.advance(0)
        self.assertEqual(301, "".join(written).count("\n"))
        for text in written:
            self.assertTrue(text.endswith("\n"))
            self.assertTrue(len(text.encode()) <= 4096 or text.count("\n") == 1)

    def test_another_process_can_write_there_too(self) -> None:
        with open(os.devnull, "w") as output:
            self.assertEqual(output.fileno(), LineLog(self.reactor, output).fileno())

    def test_the_time_goes_on(self) -> None:
        for when in (1_700_000_000.0, 1_700_000_000.9, 1_700_000_001.0, None):
            event = {"log_format": "x", "log_time": when, "log_namespace": "n", "log_system": "-"}
            self.both(event)
        self.reactor.advance(0)
        self.assertEqual(4, self.output.getvalue().count("\n"))
        ours, theirs = self.output.getvalue(), self.twisteds.getvalue()
        self.assertEqual(theirs.splitlines()[:3], ours.splitlines()[:3])

    def test_lines_of_a_turn_are_written_together_at_its_end(self) -> None:
        logger = Logger("mailhost", observer=self.log)
        logger.info("{line}", line="one")
        logger.info("{line}", line="two")
        self.assertEqual("", self.output.getvalue())
        self.reactor.advance(0)
        self.assertEqual(2, self.output.getvalue().count("\n"))

    def test_a_reader_that_went_away_and_came_back(self) -> None:
        def broken(text: str) -> int:
            raise BrokenPipeError

        logger = Logger("mailhost", observer=self.log)
        patch = self.patch(self.output, "write", broken)
        logger.info("{line}", line="one")
        self.reactor.advance(0)
        self.assertEqual([], self.reactor.getDelayedCalls())
        patch.restore()
        logger.info("{line}", line="two")
        self.reactor.advance(0)
        self.assertIn("two", self.output.getvalue())

    def test_outside_of_turns_each_is_written_at_once(self) -> None:
        self.reactor.running = False
        Logger("mailhost", observer=self.log).info("{line}", line="one")
        self.assertIn("one", self.output.getvalue())
