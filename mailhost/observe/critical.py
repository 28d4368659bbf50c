"""Counts the critical events of Twisted's log, such as tracebacks, as faults."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorFromThreads
from twisted.logger import ILogObserver, LogEvent, LogLevel
from zope.interface import implementer

from mailhost.interfaces.events import Faulted, IEventSink


@implementer(ILogObserver)
class CriticalEvents:
    """Counts in `counts`, which writes no log line. Each process has one of these observers.

    Any thread may log; the counting is done in the thread of `reactor`.
    """

    def __init__(self, reactor: IReactorFromThreads, counts: IEventSink) -> None:
        self._reactor = reactor
        self._counts = counts

    def __call__(self, event: LogEvent) -> None:
        """See ILogObserver."""
        if event.get("log_level") is LogLevel.critical:
            self._reactor.callFromThread(self._counts.emit, Faulted("log", "a critical event"))
