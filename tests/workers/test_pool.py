"""Workers started, replaced, retired: their processes are only noted down."""

from __future__ import annotations

import os
import pickle
from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from mailhost.processes.child import LONGEST_PAUSE
from mailhost.workers import pool
from mailhost.workers.connection_counts import SharedCounts, new_counts
from mailhost.workers.pool import (
    CHANNEL,
    COUNTS,
    LAST_WORDS,
    LONGEST_GOODBYE,
    STARTUP,
    Assignment,
    StartupData,
    WorkerPool,
    WorkerProcess,
)
from tests.fakes import RecordingEvents

KILLED = ProcessTerminated(signal=9)


class FakeReactor(Clock):
    """Keeps the processes that would run, and their briefs."""

    def __init__(self) -> None:
        super().__init__()
        self.processes: list[WorkerProcess] = []
        self.briefs: list[StartupData] = []
        self.killed: list[int] = []
        self.refuses: OSError | None = None

    def adoptStreamConnection(self, fd: int, family: int, factory: Any) -> None:
        """The tests' own channels are used."""

    def spawnProcess(self, member: WorkerProcess, executable: str, argv: Any, **how: Any) -> None:
        """Note a process."""
        if self.refuses is not None:
            raise self.refuses
        fds = how["childFDs"]
        assert {CHANNEL, STARTUP, COUNTS} < fds.keys()
        with open(os.dup(fds[STARTUP]), "rb") as startup:
            self.briefs.append(pickle.load(startup))
        number = len(self.processes) + 100
        self.processes.append(member)
        kill = lambda signal: self.killed.append(number)  # noqa: E731
        member.makeConnection(SimpleNamespace(pid=number, signalProcess=kill))


class FakeChannel:
    """Keeps what the worker hears."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def notify(self, *what: object) -> None:
        self.heard.append(what)

    def hand(self, *what: object) -> None:
        self.heard.append(what)


class WorkerPoolCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.patch(pool, "Channel", lambda answers, gone: FakeChannel())
        self.reactor = FakeReactor()
        self.events = RecordingEvents()
        self.counts = new_counts(b"k" * 16)
        self.addCleanup(os.close, self.counts.fd)
        self.died = 0
        self.workers = WorkerPool(
            self.reactor, "a.module", {}, self.counts, b"k" * 16, self.events, self.one_died
        )
        self.workers.employ(Assignment("settings", [(7, "smtp"), (8, "pop3")]), 2)

    def one_died(self) -> None:
        self.died += 1

    def heard(self, number: int) -> list[Any]:
        """What a worker heard."""
        channel: Any = self.reactor.processes[number].channel
        return list(channel.heard)

    def test_one_that_cannot_be_started_is_told_and_tried_again(self) -> None:
        self.reactor.refuses = PermissionError(13, "Permission denied")
        self.end(0)
        self.reactor.advance(1)
        self.assertIn("cannot be started: [Errno 13] Permission denied", self.events.lines[-1])
        self.reactor.refuses = None
        self.reactor.advance(2)
        self.assertEqual([101, 102], self.workers.pids)

    def end(self, number: int, reason: Exception = KILLED) -> None:
        """A process ends."""
        self.reactor.processes[number].processEnded(Failure(reason))

    def test_each_is_told_the_settings_and_a_row_of_its_own(self) -> None:
        one, two = self.reactor.briefs
        self.assertEqual(("settings", "settings"), (one.about, two.about))
        self.assertEqual(2, len({0, one.row, two.row} - {0}))
        self.assertEqual([100, 101], self.workers.pids)

    def test_sockets_are_handed_to_who_is_ready(self) -> None:
        self.assertEqual([], self.heard(0))
        self.reactor.processes[0].ready()
        self.assertEqual([(7, "serve", "smtp"), (8, "serve", "pop3"), ("served",)], self.heard(0))
        self.reactor.processes[0].serves()
        self.assertEqual(["process 100 serves too"], self.events.lines)

    def test_one_that_dies_is_replaced_and_its_connections_are_forgotten(self) -> None:
        self.reactor.advance(60)
        row = self.reactor.briefs[0].row
        SharedCounts(self.counts.fd, row, b"k" * 16).add("192.0.2.1", 1)
        self.end(0)
        self.assertEqual((1, 0), (self.died, self.counts.total()))
        self.assertIn("process 100 died: ", self.events.lines[0])
        self.reactor.advance(0)
        self.assertEqual([101, 102], self.workers.pids)

    def test_one_that_dies_again_and_again_is_replaced_ever_more_slowly(self) -> None:
        self.end(1)
        waits = []
        for number in range(2, 9):
            begun = self.reactor.seconds()
            while len(self.reactor.processes) <= number:
                self.reactor.advance(0.5)
            waits.append(self.reactor.seconds() - begun)
            self.end(number)
        self.assertEqual([1, 2, 4, 8, 16, LONGEST_PAUSE, LONGEST_PAUSE], waits)

    def test_new_settings_are_for_new_workers(self) -> None:
        self.workers.employ(Assignment("new settings", []), 1)
        self.assertEqual([("retire", None)], self.heard(0))
        self.assertEqual("new settings", self.reactor.briefs[2].about)
        self.end(0, ProcessDone(0))
        self.reactor.advance(60)
        self.assertEqual((0, 3), (self.died, len(self.reactor.processes)))

    def test_an_update_reaches_those_there_are_and_those_that_replace_them(self) -> None:
        self.reactor.advance(60)
        self.workers.update("renewed", "certificates", "pem")
        for number in (0, 1):
            self.assertEqual([("certificates", "pem")], self.heard(number))
        self.end(0)
        self.reactor.advance(0)
        self.assertEqual("renewed", self.reactor.briefs[2].about)
        self.assertEqual([101, 102], self.workers.pids)
        self.reactor.processes[2].ready()
        self.assertEqual((7, "serve", "smtp"), self.heard(2)[0])

    def test_one_that_dies_after_it_retired_is_looked_after(self) -> None:
        """What it answered last may be in the queue's folder, and nobody was told."""
        self.workers.employ(Assignment("new settings", []), 1)
        self.end(0)
        self.reactor.advance(60)
        self.assertEqual((1, 3), (self.died, len(self.reactor.processes)))
        self.assertIn("process 100 died", self.events.lines[0])

    def test_nobody_keeps_an_old_one_for_ever(self) -> None:
        self.workers.employ(Assignment("new settings", []), 1)
        self.end(1, ProcessDone(0))
        self.reactor.advance(LONGEST_GOODBYE - 1)
        self.assertEqual([("retire", None)], self.heard(0))
        self.reactor.advance(1)
        self.assertEqual([("retire", None), ("retire", LAST_WORDS)], self.heard(0))
        self.assertEqual([("retire", None)], self.heard(1))
        self.assertEqual([], self.heard(2))

    def test_one_that_retires_before_it_is_ready_gets_no_sockets(self) -> None:
        self.workers.employ(Assignment("new settings", []), 1)
        self.reactor.processes[0].ready()
        self.assertEqual([("retire", None)], self.heard(0))

    def test_who_died_under_old_settings_is_replaced_under_new_ones_only(self) -> None:
        self.end(0)
        self.workers.employ(Assignment("new settings", []), 2)
        self.reactor.advance(60)
        self.assertEqual(
            ["settings", "settings", "new settings", "new settings"],
            [startup.about for startup in self.reactor.briefs],
        )

    def test_stopping_waits_for_all(self) -> None:
        stopping = Deferred.fromCoroutine(self.workers.stop(30))
        self.assertEqual([("retire", 30)], self.heard(0))
        self.end(0, ProcessDone(0))
        self.assertNoResult(stopping)
        self.end(1)
        self.successResultOf(stopping)
        self.reactor.advance(60)
        self.assertEqual(2, len(self.reactor.processes))
        self.assertEqual([], self.reactor.getDelayedCalls())

    def test_who_does_not_stop_is_killed(self) -> None:
        stopping = Deferred.fromCoroutine(self.workers.stop(30))
        self.reactor.advance(36)
        self.assertEqual([100, 101], sorted(self.reactor.killed))
        self.end(0)
        self.end(1)
        self.successResultOf(stopping)

    def test_what_a_worker_writes_is_trouble(self) -> None:
        self.reactor.processes[0].childDataReceived(2, b"Traceback\nImport")
        self.reactor.processes[0].childDataReceived(2, b"Error\n")
        self.assertEqual(["worker 100: Traceback", "worker 100: ImportError"], self.events.lines)
