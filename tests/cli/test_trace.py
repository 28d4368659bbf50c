"""`mailhost trace`."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from contextlib import closing

from mailhost.cli.moment import moment_of
from mailhost.trace.schema import database_path
from tests.cli.bench import CommandCase
from tests.trace.samples import DEFERRED, NOON, QUEUED, attempted, make_trace, received, session


class TraceTests(CommandCase):
    """The command, on a stopped host."""

    def setUp(self) -> None:
        super().setUp()
        self.settings("")
        make_trace(
            self.data,
            received("one", "ann@example.com", "bob@example.com"),
            attempted("one"),
            attempted("one", "bob@example.com"),
            QUEUED,
            DEFERRED,
        )

    def test_one_message_is_told_in_full(self) -> None:
        lines = self.run_ok("trace", "one").splitlines()
        self.assertEqual(lines[0], "one  from <sue@far.example>, delivered")
        self.assertIn("received from <sue@far.example> to <ann@example.com>", lines[1])
        self.assertTrue(lines[2].endswith("delivered to <ann@example.com>: 250 2.0.0 OK"), lines)
        self.assertEqual(lines[-1].strip(), "<bob@example.com>: delivered")

    def test_several_messages_are_listed(self) -> None:
        printed = self.run_ok("trace", "example.com")
        self.assertIn("outcome", printed.splitlines()[0])
        self.assertIn("<ann@example.com>, <bob@example.com>", printed)
        self.assertEqual(len(printed.splitlines()), 3)
        self.assertEqual(len(self.run_ok("trace", "--limit", "1").splitlines()), 3)  # it is alone

    def test_the_tls_of_an_attempt(self) -> None:
        make_trace(self.data, session(), at=NOON)
        over = "TLSv1.3 AES, decided by MTA-STS, mode testing"
        self.assertIn(over, self.run_ok("trace", "two").splitlines()[-1])
        (found,) = json.loads(self.run_ok("trace", "two", "--json"))
        self.assertEqual("MTA-STS, mode testing", found["events"][1]["session"]["decided"])

    def test_by_outcome_and_time(self) -> None:
        printed = self.run_ok("trace", "--outcome", "deferred")
        self.assertIn("two  from <ann@example.com>, deferred", printed)
        self.assertIn("one  ", self.run_ok("trace", "one", "--until", "2030-01-01"))

    def test_nothing_is_found(self) -> None:
        result = self.call("trace", "--since", "2 hours")
        self.assertEqual((1, "no message was found\n"), (result.exit_code, result.stdout))
        result = self.call("trace", "nobody@example.com", "--json")
        self.assertEqual((1, []), (result.exit_code, json.loads(result.stdout)))

    def test_the_newest_events_may_not_be_written_yet(self) -> None:
        for words, noted in (
            (("trace", "no-such-word"), True),
            (("trace", "no-such-word", "--until", "2030-01-01"), True),
            (("trace", "no-such-word", "--until", "1 hour"), False),
            (("trace", "one"), False),
            (("trace", "three"), True),
        ):
            if words[1] == "three":
                make_trace(self.data, received("three"), at=time.time())
            note = "the newest events may take a second"
            self.assertIs(noted, note in self.call(*words).stderr, words)

    def test_json(self) -> None:
        (found,) = json.loads(self.run_ok("trace", "two", "--json"))
        self.assertEqual(found["recipients"], {"dave@gmail.com": "deferred"})
        self.assertEqual([each["event"] for each in found["events"]], ["queued", "attempted"])

    def test_following(self) -> None:
        texts = iter((received("three"), attempted("three"), None))

        def sleep(seconds: float) -> None:
            event = next(texts)
            if event is None:
                raise KeyboardInterrupt
            make_trace(self.data, event)

        self.patch(time, "sleep", sleep)
        result = self.call("trace", "ann@example.com", "--follow")
        lines = result.stdout.splitlines()
        self.assertEqual(len(lines), 2, result.output)
        self.assertIn("three received from", lines[0])
        self.assertIn("three delivered to", lines[1])

    def test_following_the_tls_of_connections(self) -> None:
        texts = iter((session(), None))

        def sleep(seconds: float) -> None:
            event = next(texts)
            if event is None:
                raise KeyboardInterrupt
            make_trace(self.data, event)

        self.patch(time, "sleep", sleep)
        (line,) = self.call("trace", "--follow").stdout.splitlines()
        self.assertTrue(line[21:].startswith("TLS to gmail.com at gmail-smtp-in.l.google.com"))

    def test_there_is_none(self) -> None:
        os.unlink(database_path(self.data))
        self.assertIn("there is no trace in", self.run_fails("trace"))
        self.settings("[trace]\noff = true\n", set_up=False)
        self.assertIn("the trace is switched off: [trace] off = true", self.run_fails("trace"))

    def test_a_damaged_one(self) -> None:
        with open(database_path(self.data), "r+b") as file:
            file.write(b"\xff" * 4096)
        said = self.run_fails("trace")
        self.assertIn(f"the trace in {self.data} cannot be read: ", said)
        self.assertIn("remove the folder `trace`", said)

    def test_a_limit_that_is_none(self) -> None:
        result = self.call("trace", "--limit", "-1")
        self.assertIn("-1 is not in the range", result.stderr)

    def test_a_newer_one(self) -> None:
        with closing(sqlite3.connect(database_path(self.data))) as connection:
            connection.execute("PRAGMA user_version = 99")
        result = self.call("trace")
        self.assertIn("was made by a newer version of mailhost", str(result.exception))

    def test_moments(self) -> None:
        self.assertEqual(moment_of("2 hours", NOON), NOON - 7200)
        day = time.strftime("%Y-%m-%d", time.localtime(NOON))
        self.assertEqual(moment_of(f"{day} 09:30", NOON), moment_of("9:30", NOON))
        self.assertIn("is no time", self.run_fails("trace", "--since", "soon"))
