"""Entries that other processes write: told, looked for, found after a process died."""

from __future__ import annotations

import builtins
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailhost.interfaces.events import Parked
from mailhost.message.content import Content, content_of_file
from mailhost.message.outcome import Fate, Outcome
from mailhost.message.tls_demand import TLSDemand
from mailhost.queue.intake import Intake
from mailhost.queue.spool import FoundEntry, ReadingResult, Spool
from tests.queue.fakes import BUSY, RunningQueue, envelope, here, message


class OtherProcess(SynchronousTestCase):
    """`other` writes into the queue folder of a running runner."""

    def setUp(self) -> None:
        self.context = RunningQueue(self.mktemp())
        self.context.start()
        spool = Spool(self.context.folder, self.context.committer, here)
        self.other = Intake(
            spool, self.context.runner._backoff, self.context.wall, self.context.events
        )

    def write(self, identity: str, *recipients: str) -> FoundEntry:
        """Write an entry and tell nobody."""
        work = self.other.write(envelope(*recipients), message(), identity)
        status, found, self.line = self.successResultOf(Deferred.fromCoroutine(work))
        self.assertTrue(status.ok)
        return found

    def read_new(self) -> None:
        """Have the runner look."""
        self.successResultOf(Deferred.fromCoroutine(self.context.runner.read_new()))

    def test_one_that_is_told_goes_at_once(self) -> None:
        self.context.runner.take(self.write("m1", "bob@x.example"))
        self.assertEqual(["bob@x.example"], self.context.transport.tried)
        self.assertEqual([], self.context.files())

    def test_so_does_one_whose_line_is_told(self) -> None:
        self.write("m1", "bob@x.example")
        self.context.runner.take_line("m1", self.line, message().read())
        self.assertEqual(["bob@x.example"], self.context.transport.tried)
        self.assertEqual([message().read()], self.context.transport.bodies)
        self.assertEqual([], self.context.files())

    def test_one_that_is_too_large_to_tell_is_read(self) -> None:
        self.write("m1", "bob@x.example")
        self.successResultOf(Deferred.fromCoroutine(self.context.runner.read("m1")))
        self.assertEqual(["bob@x.example"], self.context.transport.tried)

    def test_what_a_dead_process_left_is_found(self) -> None:
        self.write("m1", "bob@x.example")
        self.write("m2", "bob@y.example")
        self.read_new()
        self.assertEqual(["bob@x.example", "bob@y.example"], self.context.transport.tried)

    def test_the_demand_of_the_header_is_read_once(self) -> None:
        no = Content((b"TLS-Required: No\r\n\r\nhello\r\n",))
        for tls, found in (
            (TLSDemand.USUAL, TLSDemand.OPTIONAL),
            (TLSDemand.REQUIRED, TLSDemand.REQUIRED),
        ):
            asked = replace(envelope("bob@x.example"), tls=tls)
            work = self.other.write(asked, no, f"m-{tls}")
            _, entry, _ = self.successResultOf(Deferred.fromCoroutine(work))
            self.assertIs(entry.entry.envelope.tls, found)

    def test_a_large_header_is_read_in_a_thread(self) -> None:
        folder = self.mktemp()
        with open(folder, "wb") as file:
            file.write(b"TLS-Required: No\r\n\r\nhello\r\n")
        work = self.other.write(envelope("bob@x.example"), content_of_file(folder), "m1")
        _, entry, _ = self.successResultOf(Deferred.fromCoroutine(work))
        self.assertIs(entry.entry.envelope.tls, TLSDemand.OPTIONAL)

    @contextmanager
    def failing(self, where: object, name: str) -> Iterator[None]:
        """Meanwhile the system has no descriptors left for this call."""

        def fail(*arguments: object, **more: object) -> None:
            raise OSError(errno.EMFILE, "Too many open files")

        whole = getattr(where, name)
        setattr(where, name, fail)
        try:
            yield
        finally:
            setattr(where, name, whole)

    def test_a_folder_that_cannot_be_read_now_is_read_later(self) -> None:
        self.write("m1", "bob@x.example")
        with self.failing(os, "listdir"):
            looking = Deferred.fromCoroutine(self.context.runner.read_new())
        self.assertNoResult(looking)
        self.context.pass_time(120)
        self.successResultOf(looking)
        self.assertEqual(["bob@x.example"], self.context.transport.tried)

    def test_an_entry_that_cannot_be_read_now_is_read_later(self) -> None:
        self.write("m1", "bob@x.example")
        with self.failing(builtins, "open"):
            self.read_new()
            self.assertIn("Too many open files", self.context.runner.broken()["m1"])
            self.context.pass_time(120)
        self.assertEqual([], self.context.transport.tried)
        self.assertEqual(1, len(self.context.events.of(Parked)))
        self.context.pass_time(120)
        self.assertEqual(["bob@x.example"], self.context.transport.tried)
        self.assertEqual({}, self.context.runner.broken())

    def test_damage_is_looked_at_once(self) -> None:
        os.makedirs(self.context.folder, exist_ok=True)
        with open(os.path.join(self.context.folder, "m1.msg"), "w"):
            pass
        self.read_new()
        self.assertIn("not whole", self.context.runner.broken()["m1"])
        with self.failing(builtins, "open"):
            self.context.pass_time(120)
        self.assertIn("not whole", self.context.runner.broken()["m1"])

    def test_a_state_that_cannot_be_read_now_parks_nothing(self) -> None:
        path = envelope("bob@x.example").recipients[0]
        late = [Outcome(path, Fate.DEFERRED, BUSY)]
        work = self.other.write(envelope("bob@x.example"), message(), "m1", late)
        self.successResultOf(Deferred.fromCoroutine(work))
        state = os.path.join(self.context.folder, "m1.state")
        os.rename(state, state + ".kept")
        os.mkdir(state)
        self.read_new()
        os.rmdir(state)
        os.rename(state + ".kept", state)
        self.context.pass_time(600)
        self.assertEqual(["bob@x.example"], self.context.transport.tried)

    def test_what_is_known_is_not_begun_again(self) -> None:
        self.context.transport.answer = lambda recipient: BUSY
        found = self.write("m1", "bob@x.example")
        self.context.runner.take(found)
        self.context.runner.take(found)
        self.read_new()
        self.assertEqual(1, len(self.context.transport.tried))

    def test_what_is_told_and_carried_while_it_is_looked_for_is_not_begun_again(self) -> None:
        found = self.write("m1", "bob@x.example")
        reading: Deferred[ReadingResult | None] = Deferred()
        self.context.spool.read = lambda id: reading  # type: ignore[method-assign]
        looking = Deferred.fromCoroutine(self.context.runner.read("m1"))
        self.context.runner.take(found)
        self.assertEqual([], self.context.runner.views())
        reading.callback(found)
        self.successResultOf(looking)
        self.assertEqual(1, len(self.context.transport.tried))

    def test_known_deferrals_decide_when_it_is_due(self) -> None:
        path = envelope("bob@x.example").recipients[0]
        late = [Outcome(path, Fate.DEFERRED, BUSY)]
        work = self.other.write(envelope("bob@x.example"), message(), "m1", late)
        _, found, _ = self.successResultOf(Deferred.fromCoroutine(work))
        self.context.runner.take(found)
        self.assertEqual([], self.context.transport.tried)
        self.context.pass_time(600)
        self.assertEqual(["bob@x.example"], self.context.transport.tried)
