"""Counts of the events by kind, of what is no event, and of the actions of each filter.

Each process counts for itself, without a lock and without a message: an event costs about a
microsecond. A worker sends the head what it counted since the last time, and the head adds that
to its own counts. So the counts of a worker that ended stay in the sum; a worker that is killed
loses the last second. Counts begin at zero when the host starts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from zope.interface import implementer

from mailhost.interfaces.counts import OCTETS, ICounts
from mailhost.interfaces.events import CountKey, Event, IEventSink, Received, count_key
from mailhost.interfaces.filters import ICounters

FilterKey = tuple[str, str]
"""Name of a filter, and what it did."""


@implementer(IEventSink, ICounts, ICounters)
class Counts:
    """`events` by their keys, with the octets of received messages; `filters` by name and action.
    `begun` is called when the first event is counted after the start or after `take`; a worker then
    sends its counts some time later."""

    def __init__(self, begun: Callable[[], None] = lambda: None) -> None:
        self.events: Counter[CountKey] = Counter()
        self.filters: Counter[FilterKey] = Counter()
        self._begun = begun

    def emit(self, event: Event) -> None:
        """See IEventSink."""
        if not (self.events or self.filters):
            self._begun()
        self.events[event.key] += 1
        if type(event) is Received:
            self.events[count_key(OCTETS, event.client.protocol)] += event.size

    def count(self, key: CountKey, number: int = 1) -> None:
        """See ICounts."""
        if not (self.events or self.filters):
            self._begun()
        self.events[key] += number

    def add(self, filter: str, what: str) -> None:
        """See ICounters."""
        if not (self.events or self.filters):
            self._begun()
        self.filters[filter, what] += 1

    def add_all(self, events: Mapping[CountKey, int], filters: Mapping[FilterKey, int]) -> None:
        """Add what another process counted."""
        self.events.update(events)
        self.filters.update(filters)

    def take(self) -> tuple[Counter[CountKey], Counter[FilterKey]]:
        """Return what was counted since the last time, and begin again at zero."""
        taken = self.events, self.filters
        self.events, self.filters = Counter(), Counter()
        return taken
