"""Events as log lines."""

from __future__ import annotations

from typing import Any, cast

from twisted.logger import ILogObserver, Logger
from twisted.trial.unittest import SynchronousTestCase

from mailhost.interfaces.events import Faulted, Notice
from mailhost.observe.log import LogSink


class LogSinkTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.seen: list[dict[str, Any]] = []
        observer = cast(ILogObserver, self.seen.append)
        self.sink = LogSink(Logger("test", observer=observer))

    def test_an_event_is_one_line(self) -> None:
        self.sink.emit(Notice("all is well"))
        (seen,) = self.seen
        self.assertEqual(("all is well", "info"), (seen["line"], seen["log_level"].name))

    def test_what_an_operator_should_look_at_is_a_warning(self) -> None:
        self.sink.emit(Faulted("disk", "full"))
        self.assertEqual("warn", self.seen[0]["log_level"].name)

    def test_words_of_others_cannot_break_the_line(self) -> None:
        self.sink.emit(Notice("they said\r\nfake line \x1b[2J é"))
        self.assertEqual("they said\\r\\nfake line \\x1b[2J é", self.seen[0]["line"])
