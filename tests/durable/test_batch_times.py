"""The table of the writer's batches, which two processes map."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from mailhost.durable.batch_times import BOUNDS, BatchCounts, BatchTimes, new_batch_times


class BatchTimesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.head = new_batch_times()
        self.addCleanup(os.close, self.head.fd)

    def test_an_empty_table(self) -> None:
        self.assertEqual(BatchCounts(), self.head.read())

    def test_each_batch_is_in_the_bucket_of_its_time(self) -> None:
        writer = BatchTimes(self.head.fd)
        for seconds in (0.0001, 0.001, 0.0011, 100.0):
            writer.add(seconds, 3)
        counted = self.head.read()
        self.assertEqual((2, 1), counted.buckets[:2])
        self.assertEqual(1, counted.buckets[len(BOUNDS)])
        self.assertEqual((4, 12), (sum(counted.buckets), counted.changes))
        self.assertApproximates(100.0022, counted.seconds, 1e-9)

    def test_the_next_writer_adds_to_the_same_numbers(self) -> None:
        for _ in range(2):
            BatchTimes(self.head.fd).add(0.5, 1)
        self.assertEqual(2, self.head.read().changes)
