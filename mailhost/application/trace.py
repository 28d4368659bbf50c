"""The trace of one process: its events are written to the database that all processes share."""

from __future__ import annotations

from collections.abc import Sequence

from mailhost.concurrency.threads import threads_of
from mailhost.interfaces.events import IEventSink
from mailhost.interfaces.reactor import IReactor
from mailhost.trace.database import TraceDatabase
from mailhost.trace.quick_facts import Waiting
from mailhost.trace.rows import rows_of
from mailhost.trace.schema import database_path
from mailhost.trace.sink import TraceSink


def make_trace(reactor: IReactor, data: str, events: IEventSink) -> TraceSink:
    """Return the trace of a process. Its own faults go to `events`."""
    database = TraceDatabase(database_path(data))

    def write(batch: Sequence[Waiting]) -> None:
        database.add(rows_of(batch))

    return TraceSink(reactor, threads_of(reactor), write, database.close, events)
