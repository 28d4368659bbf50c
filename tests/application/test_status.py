"""The answer of the control socket to `mailhost status`."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict
from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost import __version__
from mailhost.application.status import DISK_TIMEOUT, memory_of, status
from mailhost.config.model import Listen
from mailhost.config.protocol import ListenProtocol
from mailhost.doctor.daily.changes import KnownFinding
from mailhost.doctor.daily.memory import DoctorMemory, LastRun
from mailhost.doctor.host.disk import disk_of
from mailhost.durable.batch_times import BatchCounts
from mailhost.durable.blocking import BlockingCommitter
from mailhost.durable.system import OperatingSystem
from mailhost.interfaces.events import Faulted, Notice
from mailhost.net.tls.certificate import read_certificate
from mailhost.net.tls.selfsigned import make_self_signed
from mailhost.observe.counts import Counts
from mailhost.queue.census import CountedState, StateCount
from mailhost.workers.connection_counts import SharedCounts, new_counts
from tests.fakes import now

KEY = b"k" * 16
SMTP = Listen(protocol=ListenProtocol.SMTP, endpoint="tcp:25")
IMAPS = Listen(protocol=ListenProtocol.IMAPS, endpoint="tcp:993")


class StatusTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.connections = new_counts(KEY)
        self.addCleanup(os.close, self.connections.fd)
        self.folder = os.path.abspath(self.mktemp())
        paths = make_self_signed(self.folder, "mail.example.com")
        sessions = {101: {SMTP.socket: 3, IMAPS.socket: 1}, 102: None}
        census = {
            CountedState.HELD: StateCount(2, time.time() - 100),
            CountedState.PARKED: StateCount(1, None),
        }
        times = SimpleNamespace(read=lambda: BatchCounts((3, 1), 0.5))
        self.head: Any = SimpleNamespace(
            counts=Counts(),
            connection_counts=self.connections,
            workers=SimpleNamespace(
                rows=lambda: [(101, 4), (102, 5)], sessions=lambda: succeed(sessions)
            ),
            writer=SimpleNamespace(pid=os.getpid(), times=times),
            services=SimpleNamespace(settings=SimpleNamespace(hostname="mail.example.com")),
            queue=SimpleNamespace(census=lambda: succeed(census)),
            foundation=SimpleNamespace(
                limits=SimpleNamespace(bounds=SimpleNamespace(total=500)),
                tls=SimpleNamespace(certificates=[read_certificate(*paths)]),
                reactor=self.clock,
                in_thread=maybeDeferred,
                data=self.folder,
                commit_now=BlockingCommitter(OperatingSystem()),
            ),
        )
        listeners = [
            (SimpleNamespace(listen=SMTP, address="[::]:25"), 2),
            (SimpleNamespace(listen=IMAPS, address="[::]:993"), 0),
        ]
        self.listeners: Any = SimpleNamespace(sessions=lambda: listeners)

    def status(self) -> Any:
        """The status as it goes over the socket."""
        return json.loads(json.dumps(now(status(self.head, self.listeners, time.time() - 60))))

    def test_counts_and_the_connections_of_each_process(self) -> None:
        self.connections.add("192.0.2.1", 1)
        SharedCounts(self.connections.fd, 5, KEY).add("192.0.2.1", 1)
        for event in (Faulted("disk", "full"), Notice("hello"), Faulted("trace", "full")):
            self.head.counts.emit(event)
        shown = self.status()
        self.assertEqual((2, 0), (shown["totals"]["faults"], shown["totals"]["received"]))
        self.assertEqual(
            [
                {"event": "faulted", "protocol": "", "result": "", "count": 2},
                {"event": "notice", "protocol": "", "result": "", "count": 1},
            ],
            shown["events"],
        )
        self.assertEqual(
            [("head", os.getpid(), 1), ("worker", 101, 0), ("worker", 102, 1)],
            [(each["role"], each["pid"], each["connections"]) for each in shown["processes"]],
        )

    def test_the_host(self) -> None:
        shown = self.status()
        self.assertEqual((__version__, "mail.example.com"), (shown["version"], shown["hostname"]))
        self.assertApproximates(60, shown["uptime"], 30)
        self.assertEqual([102], shown["silent"])
        self.assertGreater(shown["writer"]["memory"], 1_000_000)
        self.assertEqual((4, 0.5), (shown["writer"]["batches"], shown["writer"]["seconds"]))
        self.assertEqual(500, shown["most_connections"])
        (certificate,) = shown["certificates"]
        self.assertEqual("mail.example.com", certificate["names"][0])
        self.assertIn(certificate["days"], range(3600, 3651))
        self.head.writer.pid = None
        self.assertIsNone(self.status()["writer"])

    def test_sessions_of_all_processes_by_listener(self) -> None:
        found = [
            (each["protocol"], each["address"], each["tls"], each["sessions"])
            for each in self.status()["listeners"]
        ]
        self.assertEqual(
            [("smtp", "[::]:25", "STARTTLS", 5), ("imaps", "[::]:993", "implicit", 1)], found
        )

    def test_the_queue(self) -> None:
        queue = self.status()["queue"]
        self.assertEqual({"count": 1, "age": None}, queue["parked"])
        self.assertEqual(2, queue["held"]["count"])
        self.assertApproximates(100, queue["held"]["age"], 30)

    def test_the_disk(self) -> None:
        disk = self.status()["disk"]
        self.assertEqual(disk_of(self.folder).size, disk["size"])
        self.assertIsInstance(disk["low"], bool)
        self.assertGreater(disk["free"], 0)

    def test_the_last_run_of_the_doctor(self) -> None:
        self.assertIsNone(self.status()["doctor"])
        found = KnownFinding("ptr", "doctor/ptr-missing", "PTR", "failure", "none")
        memory = DoctorMemory(self.folder, self.head.foundation.commit_now.commit)
        memory.write(LastRun(time.time() - 100, (found,)))
        doctor = self.status()["doctor"]
        self.assertEqual([asdict(found)], doctor["findings"])
        self.assertApproximates(100, doctor["age"], 30)

    def test_a_disk_that_does_not_answer_holds_up_nothing(self) -> None:
        self.head.foundation.in_thread = lambda work: Deferred()
        asking = Deferred.fromCoroutine(status(self.head, self.listeners, time.time() - 60))
        self.assertNoResult(asking)
        self.clock.advance(DISK_TIMEOUT)
        self.assertIsNone(self.successResultOf(asking)["disk"])

    def test_a_disk_that_fails(self) -> None:
        self.head.foundation.data = os.path.join(self.folder, "gone")
        self.assertIsNone(self.status()["disk"])

    def test_the_memory_of_a_process_that_is_gone(self) -> None:
        self.assertIsNone(memory_of(2**22 + 1))
