"""One event sink in front of several: the log and the counts of a process."""

from __future__ import annotations

from zope.interface import implementer

from mailhost.interfaces.events import Event, IEventSink


@implementer(IEventSink)
class FanOut:
    """Passes each event on to all of `sinks`, in their order."""

    def __init__(self, *sinks: IEventSink) -> None:
        self._sinks = sinks

    def emit(self, event: Event) -> None:
        """See IEventSink."""
        for sink in self._sinks:
            sink.emit(event)
