"""Large batches, synced by one sync of the file system for all files and one for all folders."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from mailhost.durable.batch import Batch
from mailhost.durable.folders import FEWEST_FOR_SHARING
from mailhost.durable.system import NO_SHARING, OperatingSystem
from mailhost.interfaces.changes import NewFile, RemovedFile
from mailhost.message.content import Content
from tests.durable.fake_disk import Crash, FakeDisk

FOLDERS = [f"/data/mail/user{number}" for number in range(FEWEST_FOR_SHARING + 2)]
CHANGES = [
    NewFile(f"{folder}/tmp/m", f"{folder}/new/m", (Content((folder.encode(),)),))
    for folder in FOLDERS
]


def disk_with_mailboxes(shares_syncs: bool = True) -> FakeDisk:
    """A disk with a mailbox for each change."""
    folders = [f"{folder}/{place}" for folder in FOLDERS for place in ("tmp", "new")]
    return FakeDisk(*folders, shares_syncs=shares_syncs)


def run(disk: FakeDisk, changes: Sequence[NewFile] = CHANGES) -> list[OSError | None]:
    """Run a batch of a host that has delivered to all these before."""
    durable_names = {"/"} | {f"{folder}/new" for folder in FOLDERS}
    return Batch(disk, changes, durable_names).run()


class SharedSyncTests(SynchronousTestCase):
    def test_two_syncs_serve_all(self) -> None:
        disk = disk_with_mailboxes()
        self.assertEqual([None] * len(CHANGES), run(disk))
        self.assertEqual(len(CHANGES), len(disk.after_crash()))
        syncs = [call for call in disk.calls if call.startswith("sync")]
        self.assertEqual(["sync everything"] * 2, [call.rpartition(" ")[0] for call in syncs])
        self.assertEqual({}, disk.open)

    def test_names_come_between_the_two(self) -> None:
        disk = disk_with_mailboxes()
        run(disk)
        kinds = [call.split()[0] for call in disk.calls if call.split()[0] in ("sync", "rename")]
        self.assertEqual(["sync", *["rename"] * len(CHANGES), "sync"], kinds)

    def test_few_are_synced_one_by_one(self) -> None:
        disk = disk_with_mailboxes()
        run(disk, CHANGES[: FEWEST_FOR_SHARING - 1])
        self.assertNotIn("everything", " ".join(disk.calls))

    def test_a_kernel_that_does_not_tell_errors_is_not_trusted(self) -> None:
        disk = disk_with_mailboxes(shares_syncs=False)
        self.assertEqual([None] * len(CHANGES), run(disk))
        self.assertNotIn("everything", " ".join(disk.calls))

    def test_a_file_system_that_does_not_tell_errors_is_not_trusted(self) -> None:
        """As overlayfs, or what lies in another process (FUSE)."""
        disk = disk_with_mailboxes()
        disk.file_system = lambda fd: NO_SHARING  # type: ignore[method-assign]
        self.assertEqual([None] * len(CHANGES), run(disk))
        self.assertNotIn("everything", " ".join(disk.calls))

    def test_the_kinds_of_file_systems(self) -> None:
        system = OperatingSystem()
        if not system.shares_syncs:
            raise SkipTest("this kernel does not tell the errors of a shared sync")
        with open("/proc/self/status") as none:
            self.assertEqual(NO_SHARING, system.file_system(none.fileno()))

    def test_any_call_fails(self) -> None:
        good = disk_with_mailboxes()
        run(good)
        for number in range(len(good.calls)):
            disk = disk_with_mailboxes()
            disk.fail_at, disk.error = number, OSError(errno.EIO, "broken")
            results = run(disk)
            safe = disk.after_crash()
            for change, result in zip(CHANGES, results, strict=True):
                if result is None:
                    self.assertIn(change.final, safe, disk.calls[number])
                else:
                    self.assertNotIn(change.final, disk.files(), disk.calls[number])
                    self.assertNotIn(change.temporary, disk.files(), disk.calls[number])
            self.assertEqual({}, disk.open, disk.calls[number])

    def test_a_failed_sync_fails_all_that_shared_it(self) -> None:
        good = disk_with_mailboxes()
        run(good)
        for number, call in enumerate(good.calls):
            if call.startswith("sync"):
                disk = disk_with_mailboxes()
                disk.fail_at = number
                self.assertNotIn(None, run(disk))

    def test_no_name_without_its_bytes_wherever_the_process_dies(self) -> None:
        good = disk_with_mailboxes()
        run(good)
        for number in range(len(good.calls)):
            disk = disk_with_mailboxes()
            disk.crash_at = number
            self.assertRaises(Crash, run, disk)
            for left in (disk.after_crash(), disk.after_lucky_crash()):
                for change, folder in zip(CHANGES, FOLDERS, strict=True):
                    self.assertIn(left.get(change.final), (None, folder.encode()))

    def test_removals_in_folders_that_are_gone(self) -> None:
        disk = disk_with_mailboxes()
        gone = [RemovedFile(f"/gone{number}/x") for number in range(FEWEST_FOR_SHARING)]
        self.assertEqual([None] * FEWEST_FOR_SHARING, Batch(disk, gone, set()).run())

    def test_the_real_calls(self) -> None:
        system = OperatingSystem()
        if not system.shares_syncs:
            raise SkipTest("this kernel does not tell the errors of a shared sync")
        folder = os.path.abspath(self.mktemp())
        changes = [
            NewFile(f"{folder}/{n}/tmp/m", f"{folder}/{n}/new/m", (Content((b"x" * 5000,)),))
            for n in range(FEWEST_FOR_SHARING)
        ]
        self.assertEqual([None] * FEWEST_FOR_SHARING, Batch(system, changes, set()).run())
        for change in changes:
            self.assertEqual(5000, os.path.getsize(change.final))

    def test_a_bad_descriptor_is_an_error(self) -> None:
        system = OperatingSystem()
        if system.shares_syncs:
            self.assertRaises(OSError, system.sync_file_system, -1)
