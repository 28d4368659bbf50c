"""The answer of the control socket to `mailhost status`."""

from __future__ import annotations

import json
import os
from types import SimpleNamespace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailhost.application.status import status
from mailhost.interfaces.events import Faulted, Notice
from mailhost.observe.counts import Counts
from mailhost.workers.connection_counts import SharedCounts, new_counts

KEY = b"k" * 16


class StatusTests(SynchronousTestCase):
    def test_counts_and_the_connections_of_each_process(self) -> None:
        connections = new_counts(KEY)
        self.addCleanup(os.close, connections.fd)
        connections.add("192.0.2.1", 1)
        SharedCounts(connections.fd, 5, KEY).add("192.0.2.1", 1)
        counts = Counts()
        for event in (Faulted("disk", "full"), Notice("hello"), Faulted("disk", "full")):
            counts.emit(event)
        workers = SimpleNamespace(rows=lambda: [(101, 4), (102, 5)])
        head: Any = SimpleNamespace(counts=counts, connection_counts=connections, workers=workers)
        shown: Any = json.loads(json.dumps(status(head)))
        self.assertEqual((2, 0), (shown["totals"]["faults"], shown["totals"]["received"]))
        self.assertEqual(
            [
                {"event": "faulted", "protocol": "", "result": "", "count": 2},
                {"event": "notice", "protocol": "", "result": "", "count": 1},
            ],
            shown["events"],
        )
        self.assertEqual(
            [("head", os.getpid(), 1), ("worker", 101, 0), ("worker", 102, 1)],
            [(each["role"], each["pid"], each["connections"]) for each in shown["processes"]],
        )
