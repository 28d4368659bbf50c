"""Workers started, replaced, retired: none of their processes runs."""

from __future__ import annotations

import errno
import os
import pickle
import tempfile
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.error import (
    ConnectionLost,
    ProcessDone,
    ProcessExitedAlready,
    ProcessTerminated,
)
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.load import Loaded
from mailhost.config.model import Listen, Settings
from mailhost.config.protocol import ListenProtocol
from mailhost.config.secrets import Secrets
from mailhost.observe.metrics.snapshot import WorkerMeasures
from mailhost.processes.child import LONGEST_RESTART_DELAY
from mailhost.workers import calls, pool
from mailhost.workers.connection_counts import ROWS, SharedCounts, new_counts
from mailhost.workers.pool import (
    ACKNOWLEDGEMENT,
    ANSWER_TIMEOUT,
    CHANNEL,
    COUNTS,
    KILL_AFTER,
    RELOAD_TIMEOUT,
    RETIREMENT_DRAIN,
    RETIREMENT_LIMIT,
    STARTUP,
    STARTUP_LIMIT,
    Assignment,
    StartupData,
    WorkerPool,
    WorkerProcess,
)
from tests.fakes import RecordingEvents

KILLED = ProcessTerminated(signal=9)
SMTP = Listen(protocol=ListenProtocol.SMTP, endpoint="tcp:25")
POP3 = Listen(protocol=ListenProtocol.POP3, endpoint="tcp:110")
LMTP = Listen(protocol=ListenProtocol.LMTP, endpoint="tcp:24")
OLD, NEW = (
    Loaded(Settings(version=1, hostname=name, data="/nowhere"), Secrets({}), "/etc/mailhost.toml")
    for name in ("old.example", "new.example")
)
PEM_FILES: Any = ["pem"]
RENEWED: Any = ["renewed"]
FIRST = Assignment(OLD, PEM_FILES, [(7, SMTP), (8, POP3)])
SECOND = replace(FIRST, loaded=NEW)


class FakeReactor(Clock):
    """Keeps the processes that would run, and their startup data."""

    def __init__(self) -> None:
        super().__init__()
        self.processes: list[WorkerProcess] = []
        self.startups: list[StartupData] = []
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
            self.startups.append(pickle.load(startup))
        number = len(self.processes) + 100
        self.processes.append(member)
        kill = lambda signal: self.killed.append(number)  # noqa: E731
        member.makeConnection(SimpleNamespace(pid=number, signalProcess=kill))


class FakeChannel:
    """Keeps the calls to the worker."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.asked: list[Deferred[Any]] = []
        self.file = -1  # the descriptor with the settings of the next reload

    def notify(self, *call: object) -> None:
        self.calls.append(call)

    async def ask(self, *call: object) -> object:
        if call in ((calls.SESSIONS,), (calls.MEASURES,)):
            self.asked.append(Deferred())
            return await self.asked[-1]
        with open(self.file, "rb") as file:  # noqa: ASYNC230 - sent later
            file.seek(0)
            self.calls.append((*call, *pickle.load(file)))
        self.asked.append(Deferred())
        return await self.asked[-1]

    def hand(self, fd: int, call: object, *more: object) -> None:
        if call is calls.SETTINGS:
            self.file = os.dup(fd)
        else:
            self.calls.append((fd, call, *more))


class WorkerPoolCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.patch(pool, "Channel", lambda answers, gone: FakeChannel())
        self.reactor = FakeReactor()
        self.events = RecordingEvents()
        self.counts = new_counts(b"k" * 16)
        self.addCleanup(os.close, self.counts.fd)
        self.died = 0
        self.workers = WorkerPool(
            cast(Any, self.reactor),
            "a.module",
            [],
            self.counts,
            b"k" * 16,
            self.events,
            self.one_died,
        )
        self.workers.assign(FIRST, 2)

    def one_died(self) -> None:
        self.died += 1

    def calls_to(self, number: int) -> list[Any]:
        """The calls that a worker got."""
        channel: Any = self.reactor.processes[number].channel
        return list(channel.calls)

    def asked(self, number: int) -> list[Deferred[Any]]:
        """The calls that a worker has to answer."""
        channel: Any = self.reactor.processes[number].channel
        return list(channel.asked)

    def pids(self) -> list[int]:
        """The processes that there are, those that only finish what they began included."""
        return sorted(member.pid for member in self.workers._members)

    def ready(self, *numbers: int) -> None:
        """Workers ask for their sockets."""
        for number in numbers:
            self.reactor.processes[number].ready()

    def end(self, number: int, reason: Exception = KILLED) -> None:
        """A process ends."""
        self.reactor.processes[number].processEnded(Failure(reason))


class StartingTests(WorkerPoolCase):
    """Workers start, and are replaced when they die."""

    def test_one_that_cannot_be_started_is_logged_and_tried_again(self) -> None:
        self.reactor.refuses = PermissionError(13, "Permission denied")
        self.end(0)
        self.reactor.advance(1)
        self.assertIn("cannot be started: [Errno 13] Permission denied", self.events.lines[-1])
        self.reactor.refuses = None
        self.reactor.advance(2)
        self.assertEqual([101, 102], self.pids())

    def test_too_many_retired_ones_are_named_as_the_cause(self) -> None:
        for _ in range(ROWS):
            self.workers.assign(FIRST, 0)
            self.workers.assign(FIRST, 2)
        self.assertEqual(ROWS - 1, len(self.pids()))
        text = f"{ROWS - 1} workers run already, most of them retired with open connections"
        self.assertIn(text, self.events.lines[-1])
        self.assertNotIn("must be able to run", self.events.lines[-1])
        self.end(0, ProcessDone(0))
        self.reactor.advance(LONGEST_RESTART_DELAY)
        self.assertEqual(ROWS - 1, len(self.pids()))

    def test_each_gets_the_settings_and_a_row_of_its_own(self) -> None:
        one, two = self.reactor.startups
        self.assertEqual((OLD, OLD), (one.loaded, two.loaded))
        self.assertEqual(2, len({0, one.row, two.row} - {0}))
        self.assertEqual([100, 101], self.pids())

    def test_rows_by_process_number(self) -> None:
        one, two = self.reactor.startups
        self.assertEqual({(100, one.row), (101, two.row)}, set(self.workers.rows()))
        self.end(0)
        self.assertEqual([(101, two.row)], self.workers.rows())

    def test_sockets_are_handed_to_workers_that_are_ready(self) -> None:
        self.assertEqual([], self.calls_to(0))
        self.ready(0)
        self.assertEqual(
            [(7, calls.SERVE, SMTP), (8, calls.SERVE, POP3), (calls.SERVE_ALL_SENT,)],
            self.calls_to(0),
        )
        self.reactor.processes[0].serves()
        self.assertEqual(["process 100 serves too"], self.events.lines)

    def test_the_sessions_of_those_that_serve(self) -> None:
        self.workers.assign(FIRST, 3)
        self.ready(0, 1)
        asking = Deferred.fromCoroutine(self.workers.sessions())
        self.asked(0)[-1].callback({SMTP.socket: 2})
        self.assertNoResult(asking)
        self.reactor.advance(ANSWER_TIMEOUT)
        self.assertEqual({100: {SMTP.socket: 2}, 101: None}, self.successResultOf(asking))

    def test_what_workers_measure_and_which_of_them_hang_or_die(self) -> None:
        self.workers.assign(FIRST, 3)
        self.ready(0, 1, 2)
        asking = Deferred.fromCoroutine(self.workers.measures())
        self.asked(0)[-1].callback(WorkerMeasures({"smtp": 2}, 0.5))
        self.asked(1)[-1].errback(ConnectionLost())
        self.reactor.advance(ANSWER_TIMEOUT)
        expected = {100: WorkerMeasures({"smtp": 2}, 0.5), 101: None, 102: None}
        self.assertEqual(expected, self.successResultOf(asking))

    def test_one_that_dies_is_replaced_and_its_connections_are_forgotten(self) -> None:
        self.reactor.advance(60)
        row = self.reactor.startups[0].row
        SharedCounts(self.counts.fd, row, b"k" * 16).add("192.0.2.1", 1)
        self.end(0)
        self.assertEqual((1, 0), (self.died, self.counts.total()))
        self.assertIn("process 100 died: ", self.events.lines[0])
        self.reactor.advance(0)
        self.assertEqual([101, 102], self.pids())

    def test_one_that_dies_again_and_again_is_replaced_ever_more_slowly(self) -> None:
        self.end(1)
        waits = []
        for number in range(2, 9):
            begun = self.reactor.seconds()
            while len(self.reactor.processes) <= number:
                self.reactor.advance(0.5)
            waits.append(self.reactor.seconds() - begun)
            self.end(number)
        self.assertEqual([1, 2, 4, 8, 16, LONGEST_RESTART_DELAY, LONGEST_RESTART_DELAY], waits)

    def test_one_that_hangs_before_it_asks_for_its_sockets_is_killed_and_replaced(self) -> None:
        self.ready(1)
        self.reactor.advance(STARTUP_LIMIT)
        self.assertEqual([100], self.reactor.killed)
        text = "worker 100: does not ask for its sockets within 120 s, is killed"
        self.assertEqual(text, self.events.lines[-1])
        self.end(0)
        self.reactor.advance(0)
        self.assertEqual([101, 102], self.pids())
        self.ready(2)
        self.assertEqual([], self.reactor.getDelayedCalls())

    def test_output_of_a_worker_is_logged_as_a_fault(self) -> None:
        self.reactor.processes[0].childDataReceived(2, b"Traceback\nImport")
        self.reactor.processes[0].childDataReceived(2, b"Error\n")
        self.assertEqual(["worker 100: Traceback", "worker 100: ImportError"], self.events.lines)


class ReloadTests(WorkerPoolCase):
    """New settings reach every process, and none is started for them."""

    def test_workers_take_new_settings_and_go_on(self) -> None:
        self.ready(0, 1)
        self.workers.assign(SECOND, 2)
        for number in (0, 1):
            self.assertEqual([(calls.RELOAD, NEW, ["pem"])], self.calls_to(number)[3:])
        self.assertEqual([100, 101], self.pids())

    def test_many_reloads_start_no_process(self) -> None:
        self.ready(0, 1)
        for number in range(100):
            self.workers.assign((FIRST, SECOND)[number % 2], 2)
        self.assertEqual(2, len(self.reactor.processes))

    def test_a_new_listener_is_handed_after_the_settings(self) -> None:
        self.ready(0)
        self.workers.assign(replace(SECOND, sockets=[(7, SMTP), (9, LMTP)]), 2)
        self.assertEqual(
            [(calls.RELOAD, NEW, ["pem"]), (9, calls.SERVE, LMTP)], self.calls_to(0)[3:]
        )
        self.workers.assign(replace(FIRST, sockets=[(7, SMTP), (11, POP3)]), 2)
        self.assertEqual(
            [(calls.RELOAD, OLD, ["pem"]), (11, calls.SERVE, POP3)], self.calls_to(0)[5:]
        )

    def test_a_reload_while_a_worker_starts_is_sent_when_it_is_ready(self) -> None:
        self.workers.assign(SECOND, 2)
        self.assertEqual([], self.calls_to(0))
        self.ready(0)
        self.assertEqual(
            [
                (calls.RELOAD, NEW, ["pem"]),
                (7, calls.SERVE, SMTP),
                (8, calls.SERVE, POP3),
                (calls.SERVE_ALL_SENT,),
            ],
            self.calls_to(0),
        )

    def test_a_worker_that_died_is_replaced_with_the_newest_settings(self) -> None:
        self.end(0)
        self.workers.assign(SECOND, 2)
        self.reactor.advance(60)
        loaded = [startup.loaded for startup in self.reactor.startups]
        self.assertEqual([OLD, OLD, NEW], loaded)

    def test_a_worker_that_cannot_take_them_is_replaced(self) -> None:
        self.ready(0, 1)
        self.workers.assign(SECOND, 2)
        waiting = Deferred.fromCoroutine(self.workers.reloaded())
        self.asked(1)[0].callback(None)
        self.assertNoResult(waiting)
        self.asked(0)[0].errback(ValueError("filter[1]: no such file"))
        self.successResultOf(waiting)
        self.assertIn("worker 100: cannot take new settings, is replaced: ", self.events.lines[-1])
        self.assertIn("filter[1]: no such file", self.events.lines[-1])
        self.assertEqual((calls.RETIRE, None), self.calls_to(0)[-1])
        self.reactor.advance(60)
        self.assertEqual(NEW, self.reactor.startups[2].loaded)

    def test_a_worker_that_does_not_answer_is_replaced(self) -> None:
        self.ready(0, 1)
        self.workers.assign(SECOND, 2)
        waiting = Deferred.fromCoroutine(self.workers.reloaded())
        self.asked(1)[0].callback(None)
        self.reactor.advance(RELOAD_TIMEOUT)
        self.successResultOf(waiting)
        self.assertIn("worker 100: cannot take new settings, is replaced: ", self.events.lines[-1])
        self.assertIn("no answer within 30 s", self.events.lines[-1])

    def test_a_worker_is_replaced_when_the_disk_has_no_room_for_the_settings(self) -> None:
        self.ready(0, 1)

        def full() -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        patch = self.patch(tempfile, "TemporaryFile", full)
        self.workers.assign(SECOND, 2)
        self.reactor.advance(1)
        patch.restore()
        self.assertIn("worker 100: cannot take new settings, is replaced: ", self.events.lines[0])
        self.assertIn("No space left on device", self.events.lines[0])
        self.reactor.advance(60)
        self.assertEqual([100, 101, 102, 103], self.pids())
        self.assertEqual([NEW, NEW], [each.loaded for each in self.reactor.startups[2:]])

    def test_fewer_workers_retire_and_more_are_started(self) -> None:
        self.ready(0, 1)
        self.workers.assign(SECOND, 1)
        self.asked(0)[0].callback(None)
        self.assertEqual([(calls.RETIRE, None)], self.calls_to(1)[3:])
        self.end(1, ProcessDone(0))
        self.reactor.advance(60)
        self.assertEqual((0, 2), (self.died, len(self.reactor.processes)))
        self.workers.assign(FIRST, 3)
        self.assertEqual([100, 102, 103], self.pids())

    def test_renewed_certificates_reach_all_workers_and_those_that_replace_them(self) -> None:
        self.reactor.advance(60)
        self.workers.use_certificates(RENEWED)
        for number in (0, 1):
            self.assertEqual([(calls.CERTIFICATES, ["renewed"])], self.calls_to(number))
        self.end(0)
        self.reactor.advance(0)
        self.assertEqual(["renewed"], self.reactor.startups[2].certificates)
        self.assertEqual([101, 102], self.pids())
        self.ready(2)
        self.assertEqual((7, calls.SERVE, SMTP), self.calls_to(2)[0])

    def test_stopped_addresses_reach_all_workers_and_those_that_replace_them(self) -> None:
        self.reactor.advance(60)
        stopped = frozenset({"10.0.0.1"})
        self.workers.stop_addresses(stopped)
        for number in (0, 1):
            self.assertEqual([(calls.STOPPED, stopped)], self.calls_to(number))
        self.end(0)
        self.reactor.advance(0)
        self.ready(2)
        self.assertEqual((calls.STOPPED, stopped), self.calls_to(2)[0])


class EndingTests(WorkerPoolCase):
    """Workers retire, and the host stops."""

    def test_one_that_dies_after_it_retired_is_looked_after(self) -> None:
        """Mail that it accepted last may be in the queue's folder, unknown to the head."""
        self.workers.assign(SECOND, 0)
        self.end(0)
        self.reactor.advance(60)
        self.assertEqual((1, 2), (self.died, len(self.reactor.processes)))
        self.assertIn("process 100 died", self.events.lines[0])

    def test_clients_cannot_keep_a_retired_one_for_ever(self) -> None:
        self.workers.assign(SECOND, 0)
        self.end(1, ProcessDone(0))
        self.reactor.processes[0].acknowledge()
        self.reactor.advance(RETIREMENT_LIMIT - 1)
        self.assertEqual([(calls.RETIRE, None)], self.calls_to(0))
        self.reactor.advance(1)
        self.assertEqual([(calls.RETIRE, None), (calls.RETIRE, RETIREMENT_DRAIN)], self.calls_to(0))
        self.assertEqual([(calls.RETIRE, None)], self.calls_to(1))

    def test_one_that_does_not_end_after_its_retirement_is_killed(self) -> None:
        self.workers.assign(SECOND, 0)
        for number in (0, 1):
            self.reactor.processes[number].acknowledge()
        self.reactor.advance(RETIREMENT_LIMIT + RETIREMENT_DRAIN)
        self.end(1, ProcessDone(0))
        self.assertEqual([], self.reactor.killed)
        self.reactor.advance(KILL_AFTER)
        self.assertEqual([100], self.reactor.killed)
        self.assertEqual(["worker 100: does not end, is killed"], self.events.lines)

    def test_one_that_hangs_is_killed_some_time_after_it_was_replaced(self) -> None:
        self.ready(0, 1)
        self.workers.assign(SECOND, 2)
        self.asked(1)[0].callback(None)
        self.reactor.advance(RELOAD_TIMEOUT)
        self.reactor.advance(ACKNOWLEDGEMENT - 1)
        self.assertEqual((3, []), (len(self.reactor.processes), self.reactor.killed))
        self.reactor.advance(1)
        self.assertEqual([100], self.reactor.killed)
        self.assertEqual("worker 100: does not respond, is killed", self.events.lines[-1])
        self.end(0)
        self.assertEqual([101, 102], self.pids())
        self.ready(2)
        self.assertEqual([], self.reactor.getDelayedCalls())

    def test_one_that_ended_meanwhile_cannot_be_killed(self) -> None:
        def gone(signal: str) -> None:
            raise ProcessExitedAlready

        self.patch(self.reactor.processes[0].transport, "signalProcess", gone)
        self.workers.assign(SECOND, 1)
        self.workers.assign(SECOND, 0)
        self.reactor.advance(ACKNOWLEDGEMENT)
        self.assertEqual([101], self.reactor.killed)

    def test_one_that_retires_before_it_is_ready_gets_no_sockets(self) -> None:
        self.workers.assign(SECOND, 0)
        self.ready(0)
        self.assertEqual([(calls.RETIRE, None)], self.calls_to(0))

    def test_stopping_waits_for_all(self) -> None:
        stopping = Deferred.fromCoroutine(self.workers.stop(30))
        self.assertEqual([(calls.RETIRE, 30)], self.calls_to(0))
        self.end(0, ProcessDone(0))
        self.assertNoResult(stopping)
        self.end(1)
        self.successResultOf(stopping)
        self.reactor.advance(60)
        self.assertEqual(2, len(self.reactor.processes))
        self.assertEqual([], self.reactor.getDelayedCalls())

    def test_one_that_does_not_stop_is_killed(self) -> None:
        stopping = Deferred.fromCoroutine(self.workers.stop(30))
        self.reactor.advance(36)
        self.assertEqual([100, 101], sorted(self.reactor.killed))
        self.end(0)
        self.end(1)
        self.successResultOf(stopping)
