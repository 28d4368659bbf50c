"""The database of the trace: written, removed by hand, damaged, of another version."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing

from twisted.trial.unittest import SynchronousTestCase

from mailhost.trace import database
from mailhost.trace.database import ROWS_AT_ONCE, TraceDatabase
from mailhost.trace.reader import opened_trace
from mailhost.trace.rows import Row
from mailhost.trace.schema import NewerTrace, database_path

BEGIN = """
import sys
from mailhost.trace.database import TraceDatabase
database = TraceDatabase(sys.argv[1])
database.add([("one", 1, 1, "[]")])
"""


def row(name: str = "one", at: int = 1) -> Row:
    return name, at, 1, f'[{{"event":"received","at":{at}}}]'


class DatabaseTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.data = self.mktemp()
        os.mkdir(self.data)
        self.path = database_path(self.data)
        self.database = TraceDatabase(self.path)
        self.addCleanup(self.database.close)

    def count(self) -> int:
        with opened_trace(self.data) as reader:
            return reader.newest()

    def test_many_rows(self) -> None:
        self.database.add([row(str(number)) for number in range(2 * ROWS_AT_ONCE + 1)])
        self.assertEqual(self.count(), 2 * ROWS_AT_ONCE + 1)
        self.assertEqual(os.stat(self.path).st_mode & 0o777, 0o600)
        self.assertEqual(os.stat(os.path.dirname(self.path)).st_mode & 0o777, 0o700)

    def test_two_processes(self) -> None:
        other = TraceDatabase(self.path)
        self.addCleanup(other.close)
        for each in (self.database, other, self.database):
            each.add([row()])
        self.assertEqual(self.count(), 3)

    def test_several_processes_begin_at_once(self) -> None:
        command = [sys.executable, "-c", BEGIN, self.path]
        begun = [subprocess.Popen(command) for _ in range(3)]
        self.assertEqual([each.wait(60) for each in begun], [0, 0, 0])
        self.assertEqual(self.count(), 3)

    def test_a_file_that_was_removed_is_made_anew(self) -> None:
        self.database.add([row()])
        for name in os.listdir(os.path.dirname(self.path)):
            os.unlink(os.path.join(os.path.dirname(self.path), name))
        self.database.add([row()])
        self.assertEqual(self.count(), 1)

    def test_the_data_folder_is_never_made(self) -> None:
        os.rmdir(self.data)
        self.assertRaises(FileNotFoundError, self.database.add, [row()])
        self.assertFalse(os.path.exists(self.data))

    def test_a_damaged_file_can_be_removed(self) -> None:
        os.mkdir(os.path.dirname(self.path))
        with open(self.path, "wb") as file:
            file.write(b"no database" * 1000)
        self.assertRaises(sqlite3.DatabaseError, self.database.add, [row()])
        os.unlink(self.path)
        self.database.add([row()])
        self.assertEqual(self.count(), 1)

    def test_a_locked_file_fails_and_works_later(self) -> None:
        self.patch(database, "PATIENCE", 0.01)
        self.database.add([row()])
        self.database.close()
        with closing(sqlite3.connect(self.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            self.assertRaises(sqlite3.OperationalError, self.database.add, [row()])
        self.database.add([row()])
        self.assertEqual(self.count(), 2)

    def test_a_batch_is_written_whole_or_not_at_all(self) -> None:
        wrong = [row(), ("two", 1, 1, None)]
        self.assertRaises(sqlite3.IntegrityError, self.database.add, wrong)
        self.database.add([row("three")])
        self.assertEqual(self.count(), 1)

    def test_a_newer_version_is_left_as_it_is(self) -> None:
        self.database.add([row()])
        self.database.close()
        with closing(sqlite3.connect(self.path)) as other:
            other.execute("PRAGMA user_version = 99")
        error = self.assertRaises(NewerTrace, self.database.add, [row()])
        self.assertIn("was made by a newer version of mailhost", str(error))
        self.assertRaises(NewerTrace, self.count)
