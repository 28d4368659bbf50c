"""Changes that wait together are made together, and none waits for ever."""

from __future__ import annotations

import os
import threading
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mailhost.durable.batch import Batch
from mailhost.durable.committer import Committer
from mailhost.durable.system import OperatingSystem
from mailhost.interfaces.changes import NewFile
from mailhost.message.content import Content, FileSlice, OpenFile
from tests.durable.fake_disk import FakeDisk

threads: Any = reactor


def file(name: str) -> NewFile:
    """A new file of the queue."""
    return NewFile(f"/queue/{name}.tmp", f"/queue/{name}", (Content((name.encode(),)),))


class Gate(FakeDisk):
    """Holds the first sync up until it is opened. Says when it came so far."""

    def __init__(self) -> None:
        super().__init__("/queue")
        self.reached = threading.Event()
        self.opened = threading.Event()

    def sync(self, fd: int) -> None:
        self.reached.set()
        self.opened.wait(20)
        super().sync(fd)


class CommitterTests(TestCase):
    def committer(self, system: OperatingSystem) -> Committer:
        committer = Committer(threads, system)
        committer.start()
        self.addCleanup(lambda: Deferred.fromCoroutine(committer.stop()))
        return committer

    async def test_results_come_back_to_those_who_asked(self) -> None:
        disk = FakeDisk("/queue")
        disk.close(disk.create("/queue/2.tmp"))
        committer = self.committer(disk)
        first = committer.commit([file("1")])
        second = committer.commit([file("2"), file("3")])
        self.assertEqual(await first, [None])
        taken, good = await second
        self.assertIsInstance(taken, FileExistsError)
        self.assertIsNone(good)
        self.assertEqual(await committer.commit([]), [])

    async def test_what_arrives_during_a_batch_makes_up_the_next(self) -> None:
        gate = Gate()
        committer = self.committer(gate)
        first = committer.commit([file("0")])
        self.assertTrue(await deferToThread(gate.reached.wait, 20))
        later = [Deferred.fromCoroutine(_wait(committer, str(n))) for n in range(1, 8)]
        gate.opened.set()
        await first
        await gatherResults(later)
        folder_syncs = [call for call in gate.calls if call == "sync_folder /queue"]
        self.assertEqual(len(folder_syncs), 2)
        self.assertEqual(len(gate.after_crash()), 8)

    async def test_what_is_safe_is_let_go_of(self) -> None:
        """A message's file must not stay open until the next message comes."""
        committer = self.committer(FakeDisk("/queue"))
        fd = os.open(self.mktemp(), os.O_RDWR | os.O_CREAT)
        content = Content((FileSlice(OpenFile(fd), 0, 0),))
        await committer.commit([NewFile("/queue/1.tmp", "/queue/1", (content,))])
        del content
        for _ in range(500):
            try:
                os.fstat(fd)
            except OSError:
                return
            await deferLater(threads, 0.01)
        self.fail("it is still open")

    async def test_it_stops_when_all_that_waits_is_done(self) -> None:
        gate = Gate()
        committer = Committer(threads, gate)
        committer.start()
        waiting = [committer.commit([file(str(n))]) for n in range(3)]
        gate.opened.set()
        await committer.stop()
        self.assertEqual(len(gate.after_crash()), 3)
        for each in waiting:
            self.assertEqual(await each, [None])

    async def test_a_bug_fails_its_change_alone_and_is_logged(self) -> None:
        disk = FakeDisk("/queue")
        committer = self.committer(disk)
        odd = NewFile("/queue/x.tmp", "/queue/x", (None,))  # type: ignore[arg-type]
        bad = committer.commit([odd])
        good = committer.commit([file("1")])
        (error,) = await bad
        self.assertIsInstance(error, OSError)
        self.assertEqual(await good, [None])
        self.assertEqual(len(self.flushLoggedErrors(AttributeError)), 1)

    async def test_a_batch_that_raises_fails_its_changes_and_the_next_goes_on(self) -> None:
        disk = FakeDisk("/queue")
        committer = self.committer(disk)
        patch = self.patch(Batch, "run", lambda batch: 1 // 0)
        (error,) = await committer.commit([file("1")])
        self.assertIsInstance(error, OSError)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        patch.restore()
        self.assertEqual(await committer.commit([file("2")]), [None])

    async def test_whoever_waits_may_ask_for_more(self) -> None:
        committer = self.committer(FakeDisk("/queue"))

        async def twice(name: str) -> None:
            self.assertEqual(await committer.commit([file(name)]), [None])
            self.assertEqual(await committer.commit([file(name + "again")]), [None])

        await gatherResults([Deferred.fromCoroutine(twice(str(n))) for n in range(5)])


async def _wait(committer: Committer, name: str) -> None:
    await committer.commit([file(name)])
