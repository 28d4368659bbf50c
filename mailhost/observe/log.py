"""One log line for each event."""

from __future__ import annotations

from twisted.logger import Logger
from zope.interface import implementer

from mailhost.events import Event
from mailhost.interfaces import IEventSink


@implementer(IEventSink)
class LogSink:
    """Writes events to Twisted's log: serious ones as warnings, all others as information."""

    def __init__(self, log: Logger) -> None:
        self._log = log

    def tell(self, event: Event) -> None:
        if event.serious:
            self._log.warn("{line}", line=event.line)
        else:
            self._log.info("{line}", line=event.line)
