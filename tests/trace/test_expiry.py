"""Removal of old rows, and of the oldest rows if the trace is too large."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.trace import expiry
from mailhost.trace.database import TraceDatabase
from mailhost.trace.expiry import PERIOD, TraceExpiry, remove_old
from mailhost.trace.schema import database_path
from tests.fakes import RecordingEvents
from tests.queue.fakes import here


class ExpiryCase(SynchronousTestCase):
    """A data folder for a trace."""

    def setUp(self) -> None:
        self.data = self.mktemp()
        os.mkdir(self.data)
        self.path = database_path(self.data)

    def fill(self, count: int, octets: int = 10) -> None:
        """Rows, one for each second since 1970."""
        with closing(TraceDatabase(self.path)) as database:
            database.add([(str(at), at * 1000, 1, "x" * octets) for at in range(count)])

    def times(self) -> list[int]:
        with closing(sqlite3.connect(self.path)) as connection:
            found = connection.execute("SELECT at / 1000 FROM part ORDER BY at")
            return [at for (at,) in found]


class ExpiryTests(ExpiryCase):
    def test_by_age(self) -> None:
        self.fill(20)
        self.patch(expiry, "ROWS_AT_ONCE", 3)
        remove_old(self.path, 15, 1e9)
        self.assertEqual(self.times(), list(range(15, 20)))

    def test_by_size_and_the_file_shrinks(self) -> None:
        self.fill(3000, 1000)
        before = os.stat(self.path).st_size
        remove_old(self.path, 0, 1_500_000)
        left = self.times()
        self.assertEqual(left[-1], 2999)
        self.assertTrue(100 < len(left) < 2500, len(left))
        self.assertLess(os.stat(self.path).st_size, 1_500_000)
        self.assertLess(os.stat(self.path).st_size, before)

    def test_no_database_is_made(self) -> None:
        remove_old(self.path, 15, 1e9)
        self.assertFalse(os.path.exists(self.path))


class RoundsTests(ExpiryCase):
    def setUp(self) -> None:
        super().setUp()
        self.clock: Any = Clock()
        self.events = RecordingEvents()
        self.expiry = TraceExpiry(self.clock, here, self.data, self.events, self.clock.seconds)
        self.expiry.reconfigure(100, 1e9)
        self.expiry.start()
        self.addCleanup(self.expiry.stop)

    def test_rounds(self) -> None:
        self.fill(1000)
        self.clock.advance(PERIOD)
        self.assertEqual(self.times()[0], PERIOD - 100)
        self.expiry.reconfigure(10, 1e9)
        self.clock.advance(PERIOD)
        self.assertEqual(self.times()[0], 2 * PERIOD - 10)

    def test_a_fault_is_logged_once(self) -> None:
        os.mkdir(os.path.dirname(self.path))
        with open(self.path, "wb") as file:
            file.write(b"no database" * 1000)
        for _ in range(3):
            self.clock.advance(PERIOD)
        (line,) = self.events.lines
        self.assertIn("trace: what is old cannot be removed: file is not a database", line)
