"""The log on standard output, in the form that Twisted gives it, at a fraction of the cost.

A message makes two lines or more. Twisted's own observer makes up the time and flushes for each of
them, which took a third of all the work for a small message; here a second's time is made up once,
and what a turn of the reactor brings is written at its end.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TextIO

from twisted.internet.interfaces import IReactorCore, IReactorTime
from twisted.logger import ILogObserver, LogEvent, formatEventAsClassicLogText, formatTime
from zope.interface import implementer


@implementer(ILogObserver)
class LineLog:
    """`reactor` may not run yet, or no more: then every line is written at once."""

    def __init__(self, reactor: object, output: TextIO) -> None:
        self._core = IReactorCore(reactor)
        self._clock = IReactorTime(reactor)
        self._output = output
        self._lines: list[str] = []
        self._second = -2
        self._time = ""

    def __call__(self, event: LogEvent) -> None:
        """See ILogObserver. Events with a `line` are ours: it is all there is to say."""
        line = event.get("line")
        if line is not None and "log_system" not in event:
            system = f"{event['log_namespace']}#{event['log_level'].name}"
            text = f"{self._time_of(event['log_time'])} [{system}] {line}\n"
        else:
            text = formatEventAsClassicLogText(event, formatTime=self._time_of) or ""
        if not self._lines and self._core.running:
            self._clock.callLater(0, self.flush)
        self._lines.append(text)
        if not self._core.running:
            self.flush()

    def flush(self) -> None:
        """Write what there is. Where nobody reads any more it is lost, and the host goes on."""
        lines, self._lines = self._lines, []
        with suppress(OSError):  # a log that cannot be written cannot be told of
            self._output.write("".join(lines))
            self._output.flush()

    def _time_of(self, when: float | None) -> str:
        second = -1 if when is None else int(when)
        if second != self._second:
            self._second = second
            self._time = formatTime(when if when is None else second)
        return self._time
