"""The answer to `mailhost status`: the processes of the host, and its counts since the start."""

from __future__ import annotations

import os

from mailhost.application.head import Head
from mailhost.observe.totals import totals


def status(head: Head) -> dict[str, object]:
    """Return values for JSON: `totals` by name, `events` with all that is counted apart, and the
    `processes` with the connections of each (those over unix sockets included)."""
    counts = head.connection_counts
    processes = [("head", os.getpid(), 0)]
    processes += [("worker", pid, row) for pid, row in head.workers.rows()]
    events = head.counts.events
    return {
        "totals": totals(events),
        "events": [{**key._asdict(), "count": count} for key, count in sorted(events.items())],
        "processes": [
            {"role": role, "pid": pid, "connections": counts.of_process(row)}
            for role, pid, row in processes
        ],
    }
