"""The numbers of a host with two workers, one of which hangs."""

from __future__ import annotations

import os
from collections import Counter
from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost import __version__
from mailhost.application.metrics import DISK_TIMEOUT
from mailhost.application.snapshot import ANSWER_TIMEOUT, SnapshotMaker
from mailhost.concurrency.shared_call import SharedCall
from mailhost.concurrency.threads import InThread
from mailhost.config.model import Settings
from mailhost.doctor.host.disk import Disk, disk_of
from mailhost.durable.batch_times import BatchCounts
from mailhost.interfaces.events import Faulted
from mailhost.net.tls.certificate import read_certificate
from mailhost.net.tls.selfsigned import make_self_signed
from mailhost.observe.counts import Counts
from mailhost.observe.metrics.snapshot import DiskState, Snapshot, WorkerMeasures
from mailhost.queue.census import CountedState, StateCount
from tests.fakes import now

GONE = 2**22 + 1  # no process has this number


class SnapshotTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        folder = os.path.abspath(self.mktemp())
        certificate = read_certificate(*make_self_signed(folder, "mx.example.com"))
        measures = {GONE: WorkerMeasures({"smtp": 3, "imap": 1}, 0.5), GONE + 1: None}
        self.census = {CountedState.HELD: StateCount(2, 7.0)}
        self.counts = Counts()
        self.head: Any = SimpleNamespace(
            counts=self.counts,
            lag=SimpleNamespace(longest=0.25),
            workers=SimpleNamespace(
                rows=lambda: [(GONE, 1), (GONE + 1, 2), (GONE + 2, 3)],
                measures=lambda: succeed(measures),
            ),
            writer=SimpleNamespace(
                pid=os.getpid(), times=SimpleNamespace(read=lambda: BatchCounts(changes=9))
            ),
            services=SimpleNamespace(
                settings=Settings(version=1, hostname="mx.example.com", data=folder, workers=3)
            ),
            queue=SimpleNamespace(census=lambda: succeed(self.census)),
            foundation=SimpleNamespace(
                limits=SimpleNamespace(bounds=SimpleNamespace(total=500)),
                tls=SimpleNamespace(certificates=(certificate,)),
                reactor=self.clock,
                in_thread=maybeDeferred,
                data=folder,
            ),
        )
        sessions = {"smtp": 2, "imap": 0, "pop3": 0}
        self.listeners: Any = SimpleNamespace(sessions_by_protocol=lambda: Counter(sessions))
        self.end = certificate.chain[0].not_valid_after_utc.timestamp()

    def make(self) -> Snapshot:
        return now(self.maker(maybeDeferred).make())

    def maker(self, in_thread: InThread) -> SnapshotMaker:
        disk = SharedCall[Disk](in_thread, self.clock, DISK_TIMEOUT)
        return SnapshotMaker(self.head, self.listeners, 77.0, disk)

    def test_all_processes_are_added_up(self) -> None:
        self.counts.emit(Faulted("trace", "full"))
        self.counts.add("own", "asked")
        made = self.make()
        self.assertEqual({"smtp": 5, "imap": 1, "pop3": 0}, made.sessions)
        self.assertEqual(self.counts.events, made.events)
        self.assertIsNot(self.counts.events, made.events)
        self.assertEqual({("own", "asked"): 1}, made.filters)
        self.assertEqual((500, 2, 77.0), (made.most_sessions, made.wanted_workers, made.started))
        self.assertEqual((self.census, 9), (made.queue, made.writer.changes))
        ends = {"mx.example.com": self.end, "localhost": self.end}
        self.assertEqual(ends, made.certificates)
        self.assertEqual(__version__, made.build["version"])
        self.assertEqual({"version", "python", "twisted", "openssl"}, set(made.build))

    def test_each_process(self) -> None:
        states = {each.name: each for each in self.make().processes}
        self.assertEqual(["head", "worker1", "worker2", "worker3", "writer"], list(states))
        lags = [each.lag for each in states.values()]
        self.assertEqual([0.25, 0.5, None, None, None], lags)
        answers = [each.answers for each in states.values()]
        self.assertEqual([True, True, False, True, True], answers)
        self.assertIsNone(states["worker1"].use)
        for name in ("head", "writer"):
            use = states[name].use
            assert use is not None
            self.assertLess(0, use.memory)

    def test_a_host_whose_writer_is_being_replaced(self) -> None:
        self.head.writer.pid = None
        self.assertNotIn("writer", [each.name for each in self.make().processes])

    def test_the_disk(self) -> None:
        disk = self.make().disk
        assert isinstance(disk, DiskState)
        self.assertEqual(disk_of(self.head.foundation.data).size, disk.size)
        self.head.foundation.data = "/nowhere"
        self.assertIsNone(self.make().disk)

    def test_a_disk_that_does_not_answer(self) -> None:
        making = Deferred.fromCoroutine(self.maker(lambda work: Deferred()).make())
        self.assertNoResult(making)
        self.clock.advance(DISK_TIMEOUT)
        made = self.successResultOf(making)
        self.assertIsNone(made.disk)
        self.assertIsNotNone(made.processes[0].use)

    def test_no_thread_that_is_free(self) -> None:
        self.head.foundation.in_thread = lambda work: Deferred()
        making = Deferred.fromCoroutine(self.maker(maybeDeferred).make())
        self.clock.advance(ANSWER_TIMEOUT)
        made = self.successResultOf(making)
        self.assertEqual({None}, {each.use for each in made.processes})
        self.assertIsNotNone(made.disk)
