"""Starts after a sync has failed: the kernel has octets then that the disk has not."""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from mailhost.durable.log.records import Kind, NewRecord
from mailhost.durable.log.recovery import begin, recover
from mailhost.durable.log.segments import BadLog
from tests.durable.log.forgetful_disk import ForgetfulDisk
from tests.durable.log.world import DATA, SEGMENT

PATH = "mail/a/ann/new/one"
RECORD = NewRecord(Kind.FILE, PATH.encode(), (b"octets",), 1_700_000_000_000_000_000)


class SecondStarts(SynchronousTestCase):
    def disk(self, seed: int) -> ForgetfulDisk:
        return ForgetfulDisk(Random(seed), f"{DATA}/mail/a/ann/new", f"{DATA}/mail/a/ann/cur")

    def recover(self, disk: ForgetfulDisk) -> None:
        lines: list[str] = []
        recover(disk, DATA, lines.append, SEGMENT)

    def test_a_first_start_that_could_not_sync_loses_nothing(self) -> None:
        for seed in range(40):
            disk = self.disk(seed)
            begin(disk, DATA, SEGMENT).append([RECORD])
            disk.cut_power()
            disk.fail_at, disk.failures, disk.only = 0, 1 << 30, "sync_everything"
            with self.assertRaisesRegex(BadLog, "the log is kept"):
                self.recover(disk)
            disk.kill()
            self.recover(disk)
            disk.cut_power()
            self.recover(disk)
            self.assertEqual(b"octets", disk.files().get(f"{DATA}/{PATH}"), seed)

    def test_an_error_from_before_the_start_does_not_prevent_it(self) -> None:
        disk = self.disk(1)
        begin(disk, DATA, SEGMENT).close()
        fd = disk.create(f"{DATA}/other")
        disk.fail_at, disk.only = 0, "sync"
        disk.failures = 1 << 30
        self.assertRaises(OSError, disk.sync, fd)
        disk.kill()
        disk.run += 1
        self.recover(disk)

    def test_a_removal_whose_write_failed_does_not_keep_a_file_from_being_mended(self) -> None:
        for seed in range(40):
            disk = self.disk(seed)
            log = begin(disk, DATA, SEGMENT)
            log.append([RECORD])
            fd = disk.create(f"{DATA}/{PATH}")
            disk.write(fd, [b"octets"])
            disk.fail_at, disk.failures = len(disk.calls), 1 << 30
            self.assertRaises(OSError, disk.sync, fd)  # the kernel has the octets, the disk not
            self.assertRaises(OSError, log.append, [NewRecord(Kind.GONE, PATH.encode())])
            disk.heal()
            log.close()
            begin(disk, DATA, SEGMENT).close()  # another writer
            disk.cut_power()
            self.recover(disk)
            self.assertEqual(b"octets", disk.files().get(f"{DATA}/{PATH}"), seed)

    def test_a_folder_that_cannot_be_read_makes_no_second_copy(self) -> None:
        disk = self.disk(1)
        moved = f"{DATA}/mail/a/ann/cur/one:2,S"
        fd = disk.create(moved)
        disk.write(fd, [b"octets"])
        disk.sync_file_system(fd)
        begin(disk, DATA, SEGMENT).append([RECORD])
        disk.cut_power()
        disk.fail_at, disk.failures, disk.only = 0, 1 << 30, "forget_cached"
        self.recover(disk)
        self.assertEqual([moved], [path for path in disk.files() if "/mail/" in path])
