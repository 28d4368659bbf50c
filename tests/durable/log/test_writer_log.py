"""Requests to settle names are answered, whichever checkpoint covers them."""

from __future__ import annotations

import errno
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from mailhost.durable.log.writer_log import WriterLog
from mailhost.interfaces.changes import NewFile, RemovedFile, RenamedFile
from mailhost.message.content import Content
from tests.durable.log.forgetful_disk import ForgetfulDisk
from tests.durable.log.world import DATA, SEGMENT, Later

INBOX = f"{DATA}/mail/a/ann"


class WriterLogTests(SynchronousTestCase):
    def setUp(self) -> None:
        random = Random(1)
        self.disk = ForgetfulDisk(random, f"{INBOX}/new", f"{INBOX}/tmp", f"{INBOX}/cur")
        self.lines: list[str] = []
        self.answers: list[OSError | None] = []
        self.now = 0.0
        self.later = Later(random)
        self.log = WriterLog(
            self.disk, DATA, set(), self.later, self.lines.append, lambda: self.now, SEGMENT
        )

    def begin(self) -> None:
        self.assertEqual(0.0, self.log.wait)
        self.log.turn()
        self.log.end()
        self.assertTrue(self.log.on)
        self.assertIsNone(self.log.wait)

    def deliver(self, name: str) -> None:
        change = NewFile(f"{INBOX}/tmp/{name}", f"{INBOX}/new/{name}", (Content((b"octets",)),))
        self.assertEqual([None], self.log.run([change]))

    def settle(self, *names: str) -> None:
        self.log.settle(names, self.answers.append)

    def test_other_names_are_answered_at_once(self) -> None:
        self.begin()
        self.deliver("one")
        self.settle("two")
        self.assertEqual([None], self.answers)
        self.assertFalse(self.later.busy)

    def test_a_name_of_the_window_waits_for_a_checkpoint(self) -> None:
        self.begin()
        self.deliver("one")
        self.settle("one")
        self.assertEqual([], self.answers)
        self.log.end()
        self.assertEqual([None], self.answers)

    def test_a_name_that_came_after_the_checkpoint_began_waits_for_the_next(self) -> None:
        self.begin()
        self.deliver("one")
        self.settle("one")
        self.deliver("two")
        self.settle("two")
        self.log.end()
        self.assertEqual([None], self.answers)
        self.assertTrue(self.later.busy)
        self.log.end()
        self.assertEqual([None, None], self.answers)

    def test_a_checkpoint_that_a_batch_made_answers_too(self) -> None:
        self.begin()
        self.deliver("one")
        self.settle("one")
        moved = RenamedFile(f"{INBOX}/new/one", f"{INBOX}/cur/other:2,S")
        self.assertEqual([None], self.log.run([moved]))
        self.assertEqual([None], self.answers)

    def test_a_checkpoint_that_fails_is_said_once_and_repaired(self) -> None:
        self.begin()
        self.deliver("one")
        self.disk.fail_at, self.disk.failures, self.disk.only = 0, 1 << 30, "sync_everything"
        self.settle("one")
        self.log.end()
        (error,) = self.answers
        self.assertIn("the log cannot be settled", str(error))
        self.assertFalse(self.log.on)
        self.deliver("two")  # by a sync of its own
        self.disk.heal()
        self.assertEqual(10.0, self.log.wait)
        self.now += 10.0
        self.log.turn()
        self.log.end()
        self.assertTrue(self.log.on)
        self.assertEqual(2, len(self.lines), self.lines)

    def test_a_segment_that_is_full_begins_a_checkpoint(self) -> None:
        self.begin()
        number = 0
        while not self.later.busy:
            self.deliver(f"m{number}")
            number += 1
        self.assertGreater(number * 80, SEGMENT // 2)
        self.log.end()
        for more in range(500):  # many segments more, with checkpoints when they are needed
            self.deliver(f"n{more}")
        self.assertEqual([], self.lines)

    def test_without_room_for_a_log_each_file_is_synced(self) -> None:
        self.disk.fail_at, self.disk.failures, self.disk.only = 0, 1 << 30, "write_at"
        self.disk.error = OSError(errno.ENOSPC, "No space left on device")
        self.log.turn()
        self.log.end()
        self.assertFalse(self.log.on)
        self.deliver("one")
        self.settle("one")
        self.log.end()
        self.assertEqual([None], self.answers)
        self.assertEqual(1, len(self.lines))
        self.assertEqual(10.0, self.log.wait)
        self.disk.cut_power()
        self.assertEqual(b"octets", self.disk.files()[f"{INBOX}/new/one"])

    def test_a_log_that_could_not_be_begun_is_not_taken_for_empty(self) -> None:
        """The memory of the kernel has the checkpoint, the disk may not."""
        self.begin()
        self.deliver("one")
        self.disk.kill()  # the writer dies
        self.log = WriterLog(
            self.disk, DATA, set(), self.later, self.lines.append, lambda: self.now, SEGMENT
        )
        self.disk.failing = {"write_durably": 1}
        self.log.turn()
        self.log.end()
        self.assertFalse(self.log.on)
        path = f"{INBOX}/new/one"
        (error,) = self.log.run([RemovedFile(path)])
        self.assertIn("not settled yet", str(error))
        self.now += 10.0
        self.log.turn()
        self.log.end()
        self.assertEqual([None], self.log.run([RemovedFile(path)]))

    def test_the_end_makes_a_checkpoint(self) -> None:
        self.begin()
        self.deliver("one")
        self.log.stop()
        self.disk.cut_power()
        self.assertEqual(b"octets", self.disk.files()[f"{INBOX}/new/one"])
