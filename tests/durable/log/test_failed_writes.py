"""Writes to the log that fail, and renames that fail: what was refused does not arrive, what was
removed does not come back."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from twisted.trial.unittest import SynchronousTestCase

from mailhost.durable.blocking import BlockingCommitter
from mailhost.interfaces.changes import Change, NewFile, RemovedFile, RenamedFile
from mailhost.message.content import Content
from tests.durable.log.test_faults import INBOX, QUEUE, Rig, new

CUTS = 40  # of the power, each with other losses
OTHER = f"{INBOX}/.Other/cur/2:2,"


class FailedWriteTests(SynchronousTestCase):
    def each(self, scene: Callable[[Rig], None], left: Sequence[str]) -> None:
        """Whatever a power cut after `scene` takes, these messages are left."""
        for seed in range(CUTS):
            rig = Rig(seed)
            scene(rig)
            paths = [path for path in rig.files() if path.startswith(f"{INBOX}/")]
            self.assertEqual(sorted(left), sorted(map(os.path.basename, paths)), seed)

    def deliver(self, rig: Rig, *names: str) -> None:
        self.assertEqual({None}, set(rig.writer.run([new(name) for name in names])))

    def refuse(self, rig: Rig, *names: str) -> None:
        self.assertNotIn(None, rig.writer.run([new(name) for name in names]))

    def test_one_is_repeated_in_another_segment(self) -> None:
        def scene(rig: Rig) -> None:
            self.deliver(rig, "one")
            rig.disk.failing = {"write_durably": 1}
            self.deliver(rig, "two", "three")
            self.assertTrue(rig.writer.on)
            self.assertEqual(1, len(rig.lines))
            self.assertIn("repeated elsewhere", rig.lines[0])
            self.deliver(rig, "four")

        self.each(scene, ["one", "two", "three", "four"])

    def test_what_was_refused_does_not_arrive(self) -> None:
        def scene(rig: Rig) -> None:
            self.deliver(rig, "one")
            rig.disk.failing = {"write_durably": 2, "sync": 2}
            self.refuse(rig, "two", "three")
            self.assertFalse(rig.writer.on)
            self.assertEqual(1, len(rig.lines))

        self.each(scene, ["one"])

    def test_nor_after_more_was_written(self) -> None:
        def scene(rig: Rig) -> None:
            rig.disk.failing = {"write_durably": 2, "sync": 3}
            self.refuse(rig, "two", "three", "four")
            rig.pass_time(10.0)
            rig.pass_time(10.0)  # the first one reported the failed sync
            self.assertTrue(rig.writer.on)
            self.deliver(rig, "one")

        self.each(scene, ["one"])

    def test_nor_where_no_write_succeeds_until_the_log_is_used_again(self) -> None:
        def scene(rig: Rig) -> None:
            rig.disk.failing = {"write_durably": 1000, "sync": 2}
            self.refuse(rig, "two", "three")
            self.assertIn("may be there after a power cut", rig.lines[-1])
            rig.disk.heal()
            rig.pass_time(10.0)
            rig.pass_time(10.0)  # the first one reported the failed sync
            self.assertTrue(rig.writer.on)

        self.each(scene, [])

    def test_a_removal_that_was_refused_is_not_made(self) -> None:
        def scene(rig: Rig) -> None:
            self.deliver(rig, "one")
            rig.pass_time(1.0)
            rig.disk.failing = {"write_durably": 2, "remove": 1}
            self.assertNotEqual([None], rig.writer.run([RemovedFile(f"{INBOX}/new/one")]))

        self.each(scene, ["one"])

    def test_a_file_that_gets_no_name_does_not_arrive(self) -> None:
        def scene(rig: Rig) -> None:
            rig.disk.failing = {"rename": 1}
            self.refuse(rig, "one")
            self.assertTrue(rig.writer.on)
            self.assertEqual([], rig.lines)

        self.each(scene, [])

    def test_nor_where_its_record_cannot_be_taken_back_by_another(self) -> None:
        def scene(rig: Rig) -> None:
            change = new("one")
            run = rig.disk.rename

            def rename(old: str, new: str) -> None:
                rig.disk.failing = {"rename": 1, "write_durably": 2}
                run(old, new)

            self.patch(rig.disk, "rename", rename)
            self.assertNotEqual([None], rig.writer.run([change]))

        self.each(scene, [])

    def test_the_log_is_used_again_however_often_writes_fail(self) -> None:
        rig = Rig(1)
        for number in range(20):
            rig.disk.failing = {"write_durably": 1000}
            self.deliver(rig, f"m{number}")
            rig.pass_time(10.0)
            self.assertFalse(rig.writer.on)
            rig.disk.heal()
            rig.pass_time(10.0)
            self.assertTrue(rig.writer.on, rig.lines)


class FailedBeginTests(SynchronousTestCase):
    def test_a_log_that_is_needed_is_not_written_over(self) -> None:
        """The memory of the kernel has a begun segment, and the disk may not."""
        path = f"{QUEUE}/1.state"
        for seed in range(CUTS):
            rig = Rig(seed)
            for text in (b"first", b"second"):
                rig.start_writer()
                self.assertTrue(rig.writer.on)
                change = NewFile(f"{path}.tmp", path, (Content((text,)),), replaces=True)
                self.assertEqual([None], rig.writer.run([change]))
            for _ in range(2):
                rig.disk.failing = {"write_durably": 1}
                rig.start_writer()
                self.assertFalse(rig.writer.on)
            self.assertEqual(b"second", rig.files()[path], seed)


class FailedRenameTests(SynchronousTestCase):
    def move(self, rig: Rig, by_writer: bool, **failing: int) -> None:
        """Fail to move a message, and remove it."""
        path = f"{INBOX}/new/one"
        commit: Callable[[Sequence[Change]], Sequence[OSError | None]] = rig.writer.run
        if not by_writer:
            commit = BlockingCommitter(rig.disk, rig.settle).commit
        self.assertEqual([None], rig.writer.run([new("one")]))
        rig.settle(("one",))
        rig.disk.failing = failing
        self.assertNotEqual([None], commit([RenamedFile(path, OTHER)]))
        present = path if path in rig.disk.files() else OTHER
        self.assertEqual([None], rig.writer.run([RemovedFile(present)]))
        left = [path for path in rig.files() if path.startswith(INBOX)]
        self.assertEqual([], left)

    def test_a_message_whose_move_was_undone_can_be_removed_for_good(self) -> None:
        for seed in range(CUTS):
            for by_writer in (True, False):
                self.move(Rig(seed), by_writer, sync_folder=2)

    def test_also_where_the_checkpoint_after_it_fails(self) -> None:
        for seed in range(CUTS):
            for by_writer in (True, False):
                self.move(Rig(seed), by_writer, sync_folder=2, sync_everything=1)
