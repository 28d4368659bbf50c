"""Why the host accepts no mail, reason by reason."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.application import health
from mailhost.application.health import reasons_against
from mailhost.application.metrics import DISK_TIMEOUT
from mailhost.concurrency.shared_call import SharedCall
from mailhost.doctor.host.disk import Disk
from mailhost.observe.metrics.snapshot import WorkerMeasures
from tests.fakes import now

ANSWER = WorkerMeasures({"smtp": 1}, 0.0)
ROOMY = Disk(10**12, 10**11, 10**6, 10**5)


class HealthTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.disk: Disk | OSError = ROOMY
        self.patch(health, "disk_of", self.read_disk)
        self.calls = SharedCall[Disk](maybeDeferred, self.clock, DISK_TIMEOUT)
        self.measures: dict[int, WorkerMeasures | None] = {101: ANSWER}
        self.head: Any = SimpleNamespace(
            stopping=False,
            queue_is_read=True,
            services=SimpleNamespace(settings=SimpleNamespace(receives=True)),
            workers=SimpleNamespace(
                measures=lambda: succeed(self.measures), rows=lambda: [(101, 1), (102, 2)]
            ),
            foundation=SimpleNamespace(
                data=os.curdir,
                committer=SimpleNamespace(trouble=""),
                directory=SimpleNamespace(
                    outage="", view=SimpleNamespace(domains={"example.com": object()})
                ),
            ),
        )

    def read_disk(self, folder: str) -> Disk:
        if isinstance(self.disk, OSError):
            raise self.disk
        return self.disk

    def reasons(self) -> list[str]:
        return list(now(reasons_against(self.head, self.calls)))

    def test_a_host_that_is_well(self) -> None:
        self.assertEqual([], self.reasons())

    def test_workers_that_died_are_replaced_meanwhile_others_serve(self) -> None:
        self.measures = {}
        self.assertEqual([], self.reasons())

    def test_a_worker_that_does_not_answer(self) -> None:
        self.measures = {101: ANSWER, 102: None}
        self.assertEqual(["worker 2 does not answer"], self.reasons())

    def test_the_parts_of_the_head(self) -> None:
        base = self.head.foundation
        self.head.stopping = True
        self.head.queue_is_read = False
        base.committer.trouble = "the writer cannot be reached"
        base.directory.outage = "disk I/O error"
        self.assertEqual(
            [
                "the host is stopping",
                "the queue is still being read",
                "the writer cannot be reached",
                "the directory cannot be read: disk I/O error",
            ],
            self.reasons(),
        )

    def test_no_domain_matters_where_mail_is_received(self) -> None:
        self.head.foundation.directory.view.domains = {}
        (reason,) = self.reasons()
        self.assertIn("there is no domain", reason)
        self.head.services.settings.receives = False
        self.assertEqual([], self.reasons())

    def test_the_disk(self) -> None:
        self.disk = Disk(10**12, 1000, 10**6, 10)
        space, inodes = self.reasons()
        self.assertIn("is full: 1000 octets are free", space)
        self.assertIn("only 10 inodes left", inodes)
        self.disk = Disk(10**12, 10**9, 0, 0)  # little, but the host accepts mail
        self.assertEqual([], self.reasons())
        self.disk = OSError("gone")
        self.assertEqual(["the data folder cannot be read"], self.reasons())

    def test_a_disk_that_does_not_answer(self) -> None:
        self.calls = SharedCall[Disk](lambda work: Deferred(), self.clock, DISK_TIMEOUT)
        asking = Deferred.fromCoroutine(reasons_against(self.head, self.calls))
        self.assertNoResult(asking)
        self.clock.advance(DISK_TIMEOUT)
        expected = ["the disk of the data folder does not answer"]
        self.assertEqual(expected, self.successResultOf(asking))
