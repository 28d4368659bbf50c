"""A new log is small, and grows where a checkpoint ends with little room left."""

from __future__ import annotations

import errno
import os
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from mailhost.durable.log.log import FEWEST_SEGMENTS, MOST_SEGMENTS, Log, LogFull
from mailhost.durable.log.records import Kind, NewRecord
from mailhost.durable.log.recovery import begin
from mailhost.durable.log.segments import SEGMENT, segment_files
from mailhost.durable.system import OperatingSystem
from tests.durable.log.forgetful_disk import ForgetfulDisk
from tests.durable.log.world import DATA
from tests.durable.log.world import SEGMENT as SMALL

RECORD = NewRecord(Kind.FILE, b"mail/new/one", (bytes(1000),))


class GrowthTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.disk = ForgetfulDisk(Random(1), DATA)
        self.log = begin(self.disk, DATA, SMALL)

    def files(self) -> int:
        return len(segment_files(self.disk, f"{DATA}/log"))

    def fill(self) -> int:
        """Append until the log is full, and return how many records that took."""
        number = 0
        while True:
            try:
                self.log.append([RECORD])
            except LogFull:
                return number
            number += 1

    def checkpoint(self) -> None:
        """As a checkpoint of the writer."""
        position = self.log.end
        self.log.grow()
        self.log.checkpoint(position)

    def test_it_begins_small(self) -> None:
        self.assertEqual(FEWEST_SEGMENTS, self.files())
        self.assertLessEqual(FEWEST_SEGMENTS * SEGMENT, 8 << 20)

    def test_it_stays_so_where_checkpoints_keep_up(self) -> None:
        crowded = 0
        for _ in range(200):
            self.log.append([RECORD])
            if self.log.is_crowded:
                self.checkpoint()
                crowded += 1
        self.assertEqual(FEWEST_SEGMENTS, self.files())
        self.assertGreater(crowded, 10)
        self.assertLess(crowded, 60)

    def test_it_grows_where_it_was_full_up_to_a_limit(self) -> None:
        sizes, records = [], []
        for _ in range(6):
            records.append(self.fill())
            self.checkpoint()
            sizes.append(self.files())
        self.assertEqual([6, 12, 24, 24, 24, 24], sizes)
        self.assertEqual(MOST_SEGMENTS, sizes[-1])
        self.assertEqual(records, sorted(records))
        self.assertGreater(records[-1], 8 * records[0])

    def test_it_is_as_large_after_a_start(self) -> None:
        self.fill()
        self.checkpoint()
        self.log.close()
        self.log = begin(self.disk, DATA, SMALL)
        self.assertEqual(6, self.files())
        self.fill()
        self.log.close()
        self.log = begin(self.disk, DATA, SMALL)
        self.assertGreater(self.fill(), 10)

    def test_without_room_on_the_disk_it_stays_small(self) -> None:
        self.fill()
        self.disk.error = OSError(errno.ENOSPC, "No space left on device")
        self.disk.failing = {"write_at": 1}
        with self.assertRaises(OSError):
            self.log.grow()
        self.assertEqual(FEWEST_SEGMENTS, self.files())
        self.log.checkpoint(self.log.end)
        self.assertGreater(self.fill(), 1)

    def test_a_new_log_takes_little_of_a_real_disk(self) -> None:
        data = os.path.abspath(self.mktemp())
        os.makedirs(data)
        log: Log = begin(OperatingSystem(), data)
        self.addCleanup(log.close)
        sizes = [entry.stat().st_size for entry in os.scandir(f"{data}/log")]
        self.assertLessEqual(sum(sizes), 8 << 20)
