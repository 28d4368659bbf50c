"""The log on standard output, in the form that Twisted gives it, at a fraction of the cost.

A message makes two lines or more. Twisted's own observer formats the time and flushes for each
line, which took a third of all the work for a small message. Here the time is formatted once a
second, and the lines of a turn of the reactor are written at its end. Each process writes its own
lines: a write holds whole lines, and is short enough that no pipe cuts it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import TextIO

from twisted.internet.interfaces import IReactorCore, IReactorTime
from twisted.logger import (
    ILogObserver,
    LogEvent,
    LogLevel,
    formatEventAsClassicLogText,
    formatTime,
)
from zope.interface import implementer

from mailhost.interfaces.events import Event, IEventSink
from mailhost.observe.log import printable

LARGEST_WRITE = 4096  # octets that a pipe takes in one piece (PIPE_BUF)


@implementer(ILogObserver, IEventSink)
class LineLog:
    """While `reactor` does not run, every line is written at once.

    Our own events are always written, lines of other code from the level `least` on. `now` returns
    seconds since the epoch.
    """

    def __init__(
        self,
        reactor: object,
        output: TextIO,
        least: LogLevel = LogLevel.info,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._least = least
        self._now = now
        self._core = IReactorCore(reactor)
        self._clock = IReactorTime(reactor)
        self._output = output
        self._lines: list[str] = []
        self._second = -2
        self._time = ""

    def fileno(self) -> int:
        """Return the descriptor that the lines are written to."""
        return self._output.fileno()

    def emit(self, event: Event) -> None:
        """See IEventSink."""
        self._write(event.serious, event.line)

    def write_all(self, lines: Iterable[tuple[bool, str]]) -> None:
        """See LogSink."""
        for serious, line in lines:
            self._write(serious, line)

    def __call__(self, event: LogEvent) -> None:
        """See ILogObserver."""
        if event.get("log_level", LogLevel.info) >= self._least:
            self._add(formatEventAsClassicLogText(event, formatTime=self._time_of) or "")

    def _write(self, serious: bool, line: str) -> None:
        level = "warn" if serious else "info"
        self._add(f"{self._time_of(self._now())} [mailhost#{level}] {printable(line)}\n")

    def _add(self, text: str) -> None:
        if not self._lines and self._core.running:
            self._clock.callLater(0, self.flush)
        self._lines.append(text)
        if not self._core.running:
            self.flush()

    def flush(self) -> None:
        """Write the lines that wait. If the reader is gone they are lost, and the host goes on."""
        lines, self._lines = self._lines, []
        with suppress(OSError):  # there is no other place to report that to
            whole = "".join(lines)
            for text in [whole] if 4 * len(whole) <= LARGEST_WRITE else _whole(lines):
                self._output.write(text)
                self._output.flush()

    def _time_of(self, when: float | None) -> str:
        second = -1 if when is None else int(when)
        if second != self._second:
            self._second = second
            self._time = formatTime(when if when is None else second)
        return self._time


def _whole(lines: Iterable[str]) -> Iterator[str]:
    """Yield pieces of whole lines, each of LARGEST_WRITE octets at most unless a line is longer."""
    some: list[str] = []
    size = 0
    for line in lines:
        octets = len(line) if line.isascii() else len(line.encode("utf-8", "replace"))
        if some and size + octets > LARGEST_WRITE:
            yield "".join(some)
            some, size = [], 0
        some.append(line)
        size += octets
    yield "".join(some)
