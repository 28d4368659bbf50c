"""One log line for each event. Text from clients in it cannot break the line or the terminal."""

from __future__ import annotations

from collections.abc import Iterable

from twisted.logger import Logger
from zope.interface import implementer

from mailhost.interfaces.events import Event, IEventSink


@implementer(IEventSink)
class LogSink:
    """Writes events to Twisted's log: serious ones as warnings, all others as information."""

    def __init__(self, log: Logger) -> None:
        self._log = log

    def emit(self, event: Event) -> None:
        self._write(event.serious, event.line)

    def write_all(self, lines: Iterable[tuple[bool, str]]) -> None:
        """Write lines of another process: for each whether it is serious, and its text."""
        for serious, line in lines:
            self._write(serious, line)

    def _write(self, serious: bool, line: str) -> None:
        write = self._log.warn if serious else self._log.info
        write("{line}", line=printable(line))


def printable(line: str) -> str:
    """Return the line with escapes for characters that are neither visible nor a space."""
    if line.isprintable():
        return line
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in line
    )
