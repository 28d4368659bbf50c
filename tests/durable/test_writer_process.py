"""The writer's process as the head sees it; none is really started."""

from __future__ import annotations

import os
import sys
from types import SimpleNamespace
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from mailhost.durable.writer_process import WriterProcess
from mailhost.processes.start import MODULE
from tests.fakes import RecordingEvents

KILLED = Failure(ProcessTerminated(signal=9))


class FakeReactor(Clock):
    """Notes the processes that would run, and what happens to them."""

    def __init__(self) -> None:
        super().__init__()
        self.processes: list[Any] = []
        self.told: list[str] = []
        self.refuses: OSError | None = None
        self.tables: set[int] = set()

    def spawnProcess(self, process: Any, executable: str, argv: list[str], **how: Any) -> None:
        if self.refuses is not None:
            raise self.refuses
        assert argv == [
            sys.executable,
            "-m",
            MODULE,
            "mailhost.durable.writer",
            "/data/writer.sock",
            "3",
        ]
        self.tables.add(how["childFDs"][3])
        self.processes.append(process)
        process.makeConnection(
            SimpleNamespace(
                closeStdin=lambda: self.told.append("end"), signalProcess=self.told.append
            )
        )


class WriterProcessTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = FakeReactor()
        self.events = RecordingEvents()
        self.writer = WriterProcess(cast(Any, self.reactor), "/data/writer.sock", self.events)
        self.addCleanup(os.close, self.writer.times.fd)
        self.writer.start()

    def stop(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.writer.stop())

    def test_one_that_dies_is_told_and_replaced(self) -> None:
        self.reactor.advance(60)
        self.reactor.processes[0].processEnded(KILLED)
        self.assertIn("the writer: died", self.events.lines[-1])
        self.reactor.advance(0)
        self.assertEqual(2, len(self.reactor.processes))
        self.assertEqual({self.writer.times.fd}, self.reactor.tables)

    def test_one_that_dies_at_once_is_replaced_ever_more_slowly(self) -> None:
        for pause in (0.1, 0.2, 0.4):
            self.reactor.processes[-1].processEnded(KILLED)
            started = len(self.reactor.processes)
            self.reactor.advance(pause - 0.01)
            self.assertEqual(started, len(self.reactor.processes))
            self.reactor.advance(0.02)
            self.assertEqual(started + 1, len(self.reactor.processes))

    def test_one_that_cannot_be_started_is_tried_again(self) -> None:
        self.reactor.refuses = PermissionError(13, "Permission denied")
        self.reactor.processes[0].processEnded(KILLED)
        self.reactor.advance(0.1)
        self.assertIn("cannot be started: [Errno 13]", self.events.lines[-1])
        self.reactor.refuses = None
        self.reactor.advance(0.2)
        self.assertEqual(2, len(self.reactor.processes))

    def test_what_it_writes_is_trouble(self) -> None:
        self.reactor.processes[0].childDataReceived(2, b"Traceback: no")
        self.reactor.processes[0].childDataReceived(2, b"nsense\n")
        self.assertEqual(["the writer: Traceback: nonsense"], self.events.lines)

    def test_a_stop_waits_for_its_end(self) -> None:
        stopping = self.stop()
        self.assertEqual(["end"], self.reactor.told)
        self.assertNoResult(stopping)
        self.reactor.processes[0].processEnded(Failure(ProcessDone(0)))
        self.successResultOf(stopping)
        self.assertEqual([], self.events.lines)
        self.assertEqual([], self.reactor.getDelayedCalls())

    def test_one_that_does_not_end_is_killed(self) -> None:
        stopping = self.stop()
        self.reactor.advance(10)
        self.assertEqual(["end", "KILL"], self.reactor.told)
        self.reactor.processes[0].processEnded(KILLED)
        self.successResultOf(stopping)

    def test_a_stop_while_there_is_none(self) -> None:
        self.reactor.processes[0].processEnded(KILLED)
        self.successResultOf(self.stop())
        self.assertEqual([], self.reactor.getDelayedCalls())
