"""Entries that other processes write: told, looked for, found after a process died."""

from __future__ import annotations

import builtins
import errno
import os
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailhost.interfaces.events import Parked
from mailhost.message.content import Content
from mailhost.message.outcome import Fate, Outcome
from mailhost.queue import content_cache
from mailhost.queue.entry import Entry
from mailhost.queue.intake import Intake
from mailhost.queue.spool import Finding, Found, Spool
from tests.fakes import now
from tests.queue.fakes import BUSY, RunningQueue, envelope, here, message


class OtherProcess(SynchronousTestCase):
    """`other` writes into the folder that the house's runner works on."""

    def setUp(self) -> None:
        self.context = RunningQueue(self.mktemp())
        self.context.start()
        spool = Spool(self.context.folder, self.context.committer, here)
        self.other = Intake(
            spool, self.context.runner._backoff, self.context.wall, self.context.events
        )

    def write(self, identity: str, *recipients: str) -> Found:
        """Write an entry and tell nobody."""
        work = self.other.write(envelope(*recipients), message(), identity)
        status, found, self.line = self.successResultOf(Deferred.fromCoroutine(work))
        self.assertTrue(status.ok)
        return found

    def look_around(self) -> None:
        """Have the runner look."""
        self.successResultOf(Deferred.fromCoroutine(self.context.runner.look_around()))

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
        self.successResultOf(Deferred.fromCoroutine(self.context.runner.look("m1")))
        self.assertEqual(["bob@x.example"], self.context.transport.tried)

    def test_what_a_dead_process_left_is_found(self) -> None:
        self.write("m1", "bob@x.example")
        self.write("m2", "bob@y.example")
        self.look_around()
        self.assertEqual(["bob@x.example", "bob@y.example"], self.context.transport.tried)

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
            looking = Deferred.fromCoroutine(self.context.runner.look_around())
        self.assertNoResult(looking)
        self.context.pass_time(120)
        self.successResultOf(looking)
        self.assertEqual(["bob@x.example"], self.context.transport.tried)

    def test_an_entry_that_cannot_be_read_now_is_read_later(self) -> None:
        self.write("m1", "bob@x.example")
        with self.failing(builtins, "open"):
            self.look_around()
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
        self.look_around()
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
        self.look_around()
        os.rmdir(state)
        os.rename(state + ".kept", state)
        self.context.pass_time(600)
        self.assertEqual(["bob@x.example"], self.context.transport.tried)

    def test_what_is_known_is_not_begun_again(self) -> None:
        self.context.transport.answer = lambda recipient: BUSY
        found = self.write("m1", "bob@x.example")
        self.context.runner.take(found)
        self.context.runner.take(found)
        self.look_around()
        self.assertEqual(1, len(self.context.transport.tried))

    def test_what_is_told_and_carried_while_it_is_looked_for_is_not_begun_again(self) -> None:
        found = self.write("m1", "bob@x.example")
        reading: Deferred[Finding | None] = Deferred()
        self.context.spool.look = lambda id: reading  # type: ignore[method-assign]
        looking = Deferred.fromCoroutine(self.context.runner.look("m1"))
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


class ContentCacheTests(SynchronousTestCase):
    """What just came in is not read from the disk for its first attempt."""

    def setUp(self) -> None:
        self.context = RunningQueue(self.mktemp())
        self.context.start()
        self.opened: list[str] = []
        self.context.transport.answer = lambda recipient: BUSY
        open_really = self.context.spool.open

        def opening(entry: Entry) -> Awaitable[Content]:
            self.opened.append(entry.id)
            return open_really(entry)

        self.context.spool.open = opening  # type: ignore[method-assign]

    def allow(self, attempts: int) -> None:
        """Have so many attempts run at a time."""
        settings = self.context.settings.model_copy(update={"concurrency": attempts})
        self.context.reconfigure(settings)

    def test_the_second_attempt_reads_it(self) -> None:
        self.context.accept(envelope("bob@x.example"))
        self.assertEqual([], self.opened)
        self.context.pass_time(600)
        self.assertEqual(["m1"], self.opened)
        self.assertEqual([message().read()] * 2, self.context.transport.bodies)

    def test_a_large_one_is_not_kept_in_memory(self) -> None:
        large = Content((b"x" * (content_cache.LARGEST + 1),))
        self.context.accept(envelope("bob@x.example"), content=large)
        self.assertEqual(["m1"], self.opened)

    def test_nor_are_more_than_some(self) -> None:
        self.allow(0)
        self.patch(content_cache, "MOST", 2 * message().size)
        for number in range(4):
            self.context.accept(envelope("bob@x.example"), f"m{number}")
        self.allow(4)
        self.assertEqual(["m2", "m3"], self.opened)

    def test_what_was_removed_makes_room(self) -> None:
        self.allow(0)
        self.patch(content_cache, "MOST", message().size)
        self.context.accept(envelope("bob@x.example"), "m0")
        now(self.context.runner.remove("m0"))
        self.context.accept(envelope("bob@x.example"), "m1")
        self.allow(4)
        self.assertEqual([], self.opened)

    def test_what_is_held_is_read_when_it_is_released(self) -> None:
        now(self.context.runner.accept(envelope("bob@x.example"), message(), "m0", held="odd"))
        now(self.context.runner.release("m0"))
        self.assertEqual(["m0"], self.opened)
